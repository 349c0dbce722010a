"""A program that becomes another one is followed, or it is said what it became."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reproaudit.model.events import OutcomeKind
from reproaudit.record.process.successor import find_script
from reproaudit.trace.failure import read_failure
from reproaudit.trace.reader import Trace
from tests.record.process.test_bootstrap import run_program

REPLACE = """
import os, sys
if os.environ.get("BEGUN") is None:
    os.environ["BEGUN"] = "yes"
    os.execv(sys.executable, [sys.executable, "-u", *sys.argv])
import torch
torch.ones(1, requires_grad=True).sum().backward()
print("argv", sys.argv[1:], __name__)
"""


@pytest.mark.parametrize(
    ("words", "position"),
    [
        (["python", "train.py", "-u"], 1),
        (["python", "-u", "-W", "error", "-Xdev", "-BO", "train.py"], 6),
        (["python", "-c", "pass"], None),
        (["python", "-m", "train"], None),
        (["python"], None),
    ],
)
def test_the_script_is_found_behind_the_flags_of_the_interpreter(
    words: list[str], position: int | None
) -> None:
    assert find_script(words) == position


def test_a_program_that_begins_itself_anew_is_recorded(tmp_path: Path) -> None:
    ended = run_program(tmp_path, REPLACE)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["argv [] __main__"]
    trace = Trace.open(tmp_path / "trace")
    assert trace.outcome.kind is OutcomeKind.COMPLETED
    assert len(trace.events) > 0


@pytest.mark.skipif(not os.access("/bin/sh", os.X_OK), reason="there is no shell")
def test_a_program_that_becomes_a_shell_says_so(tmp_path: Path) -> None:
    ended = run_program(tmp_path, 'import os\nos.execvp("sh", ["sh", "-c", "echo done"])\n')
    assert ended.stdout == "done\n"
    failure = read_failure(tmp_path / "trace")
    assert failure is not None
    assert failure.message == "the program replaced itself by 'sh -c echo done'"


def test_a_program_that_is_not_there_is_not_what_it_became(tmp_path: Path) -> None:
    ended = run_program(tmp_path, 'import os\nos.execv("/nowhere", ["nowhere"])\n')
    assert "FileNotFoundError" in ended.stderr
    assert read_failure(tmp_path / "trace") is None
