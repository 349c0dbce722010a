"""What `sys.exit` was given is known where the process ends by it, and only there."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.exits import tell_exits

ROOT = Path(__file__).resolve().parents[3]
BEFORE = """
import atexit, sys
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.exits import tell_exits
told = []
atexit.register(lambda: print(told))
tell_exits(Patches(), told.append)
"""


@pytest.fixture
def told() -> Iterator[list[object]]:
    patches = Patches()
    found: list[object] = []
    tell_exits(patches, found.append)
    yield found
    patches.undo()


def run(code: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [("", 0, "[None]"), ("3", 3, "[3]"), ("True", 1, "[True]"), ("(1, 2)", 1, "[(1, 2)]")],
)
def test_an_exit_that_nobody_catches_is_told(given: str, code: int, said: str) -> None:
    assert run(f"sys.exit({given})")[:2] == (code, said)


def test_what_an_exit_says_is_printed_as_ever() -> None:
    assert run("sys.exit('no more')") == (1, "['no more']", "no more")


def test_an_exit_that_is_caught_is_not_told() -> None:
    code = "try: sys.exit(3)\nexcept SystemExit as error: print(error.code)"
    assert run(code) == (0, "3\n[]", "")


def test_an_exit_of_a_thread_is_not_told() -> None:
    code = "import threading\nthread = threading.Thread(target=sys.exit, args=(3,))\n"
    assert run(f"{code}thread.start()\nthread.join()") == (0, "[]", "")


def test_the_program_sees_the_exception_that_it_would_see_else(told: list[object]) -> None:
    with pytest.raises(SystemExit) as caught:
        sys.exit(3)
    assert repr(caught.value) == "SystemExit(3)"
    assert caught.value.args == (3,)
    assert type(pickle.loads(pickle.dumps(caught.value))) is SystemExit
    caught.value.code = 4
    assert caught.value.code == 4
    assert told == []


def test_what_a_program_drops_is_gone_after_an_exit_that_it_caught(told: list[object]) -> None:
    class Held:
        pass

    def leave() -> weakref.ref[Held]:
        held = Held()
        found = weakref.ref(held)
        try:
            sys.exit(3)
        except SystemExit:
            return found

    gc.disable()
    try:
        assert leave()() is None
    finally:
        gc.enable()


def test_an_exit_that_the_program_makes_of_the_class_that_it_caught_keeps_its_code() -> None:
    code = "try: sys.exit(3)\nexcept SystemExit as error: raise type(error)(4) from None"
    assert run(code) == (4, "[]", "")


def test_an_exit_of_the_programs_own_class_stays_of_that_class(told: list[object]) -> None:
    class Leave(SystemExit):
        pass

    with pytest.raises(Leave):
        sys.exit(Leave(3))  # type: ignore[arg-type]
    assert told == []
