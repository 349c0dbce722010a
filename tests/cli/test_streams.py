"""A stream that takes nothing decides no exit code, and what fails is told where it can be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
# What a divergence says, without the runs.
_DIVERGES = """
import sys
from reproaudit.cli import traces
def diverge(words):
    print("progress", file=sys.stderr)
    print("a divergence")
    return 1
traces.compare = diverge
from reproaudit.__main__ import main
sys.exit(main())
"""


def run(redirected: str, *words: str, tmp_path: Path, code: str = "") -> tuple[int, str]:
    """Run the command under a shell's redirections; return its code and what could be read."""
    python = ["-c", code] if code else ["-m", "reproaudit"]
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh", sys.executable, *python, *words],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@needs_full
@pytest.mark.parametrize("redirected", ["2>/dev/full", "2>&-"])
def test_an_error_that_standard_error_does_not_take_goes_to_standard_output(
    redirected: str, tmp_path: Path
) -> None:
    code, said = run(redirected, "nowhere.py", tmp_path=tmp_path)
    assert code == 2
    assert said.startswith("reproaudit: error: ")


_FAILS_AFTER_OUTPUT = """
import sys
from reproaudit.cli import traces
from reproaudit.errors import UsageError
def fail(words):
    sys.stderr.buffer.write(b"what the program printed")
    sys.stderr.flush()
    raise UsageError("it failed", code="usage")
traces.compare = fail
from reproaudit.__main__ import main
sys.exit(main())
"""


@needs_full
def test_an_error_is_told_though_the_output_of_the_program_was_lost_before(tmp_path: Path) -> None:
    found = run("2>/dev/full", "compare", "a", "b", tmp_path=tmp_path, code=_FAILS_AFTER_OUTPUT)
    assert found == (2, "reproaudit: error: it failed [usage]\n")


@needs_full
@pytest.mark.parametrize("redirected", [">/dev/full", ">&-"])
@pytest.mark.parametrize("words", ["explain kernel", "--version"])
def test_an_answer_that_standard_output_does_not_take_is_an_error(
    redirected: str, words: str, tmp_path: Path
) -> None:
    code, said = run(redirected, *words.split(), tmp_path=tmp_path)
    assert code == 2
    assert said.startswith("reproaudit: error: ")
    assert "standard output" in said


@needs_full
def test_where_nothing_can_be_said_the_exit_code_is_2(tmp_path: Path) -> None:
    for redirected in (">/dev/full 2>/dev/full", ">&- 2>&-"):
        assert run(redirected, "nowhere.py", tmp_path=tmp_path) == (2, "")


@needs_full
def test_progress_that_is_lost_changes_no_answer(tmp_path: Path) -> None:
    found = run("2>/dev/full", "compare", "a", "b", tmp_path=tmp_path, code=_DIVERGES)
    assert found == (1, "a divergence\n")


@needs_full
def test_a_divergence_that_could_not_be_told_is_not_said_by_the_exit_code_alone(
    tmp_path: Path,
) -> None:
    code, said = run(">/dev/full", "compare", "a", "b", tmp_path=tmp_path, code=_DIVERGES)
    assert code == 2
    assert "cannot write to standard output" in said


def test_a_file_that_is_opened_later_does_not_take_the_place_of_a_closed_stream(
    tmp_path: Path,
) -> None:
    code = "from reproaudit import __main__ as m; m._occupy_standard_streams(); import os; "
    code += "print(os.open(os.devnull, 0) > 2)"
    assert run("2>&- <&-", tmp_path=tmp_path, code=code) == (0, "True\n")
