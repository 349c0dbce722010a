"""A program that becomes another one is followed, or it is said what it became."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan, to_json
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import OutcomeKind
from reproaudit.record import entry
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


def test_a_program_that_begins_itself_anew_by_its_original_words_is_recorded(
    tmp_path: Path,
) -> None:
    source = REPLACE.replace(
        'sys.executable, "-u", *sys.argv', "sys.executable, *sys.orig_argv[1:]"
    )
    program = tmp_path / "program.py"
    program.write_text(source + "print(sys.orig_argv[1:])\n", encoding="utf-8")
    subject = SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="program.py", argv=("-v",))
    plan = tmp_path / "plan.json"
    plan.write_text(to_json(RunPlan(tmp_path / "trace", subject)), encoding="utf-8")
    # A fresh interpreter: a forked one keeps the words by which its server was started.
    ended = subprocess.run(
        [sys.executable, "-B", entry.__file__, str(plan)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["argv ['-v'] __main__", "['-B', 'program.py', '-v']"]
    assert len(Trace.open(tmp_path / "trace").events) > 0


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
