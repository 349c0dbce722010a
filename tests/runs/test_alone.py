"""A program that is run once without the recorder. Programs here are a few lines long."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec, parse_subject
from reproaudit.runs.alone import AloneRun, run_alone, write_plain_command
from tests.processes import has_ended, needs_pidfd

SHOWS = """
import os, sys
print(sys.argv, sorted(name for name in os.environ if name.startswith("REPROAUDIT_")))
print("recorded", "reproaudit" in sys.modules)
"""
LEAVES_A_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
child.wait()
"""


def run(folder: Path, text: str, limit_s: float = 300.0, argv: tuple[str, ...] = ()) -> AloneRun:
    (folder / "train.py").write_text(text)
    plan = RunPlan(folder / "trace", parse_subject("train.py", argv, cwd=folder))
    ended = run_alone(plan, python=sys.executable, log=folder / "alone.log", limit_s=limit_s)
    assert ended is not None
    return ended


def test_nothing_of_ours_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPROAUDIT_PLAN", "/nowhere")
    ended = run(tmp_path, SHOWS, argv=("--lr", "1"))
    assert (ended.code, ended.has_failed, ended.last_line) == (0, False, "recorded False")
    assert (
        (tmp_path / "alone.log")
        .read_text()
        .startswith(
            # By this what it starts is found, and nothing is entered by it alone.
            "['train.py', '--lr', '1'] ['REPROAUDIT_PLAN']\n"
        )
    )
    assert not (tmp_path / "trace").exists()


def test_how_it_failed_is_told_with_its_last_words(tmp_path: Path) -> None:
    ended = run(tmp_path, "raise ValueError('too early')")
    assert (ended.code, ended.has_failed) == (1, True)
    assert ended.last_line == "ValueError: too early"
    assert run(tmp_path, "import os; os.abort()").code == -6


@needs_pidfd
def test_what_goes_on_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    ended = run(tmp_path, LEAVES_A_CHILD, limit_s=3.0)
    assert (ended.code, ended.has_failed) == (None, False)
    # On a slow machine it may not have come so far.
    if ended.last_line:
        assert has_ended(int(ended.last_line))


def test_each_subject_is_run_as_a_person_would_type_it(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    script = parse_subject("a.py", ["-x"], cwd=tmp_path)
    assert write_plain_command(script, "python")[-2:] == ["a.py", "-x"]  # type: ignore[index]
    module = SubjectSpec(SubjectKind.MODULE, tmp_path, module="pkg.train", argv=("-x",))
    assert write_plain_command(module, "python")[-3:] == ["-m", "pkg.train", "-x"]  # type: ignore[index]
    command = SubjectSpec(SubjectKind.COMMAND, tmp_path, program="torchrun", argv=("a.py",))
    assert write_plain_command(command, "python") == ["torchrun", "a.py"]
    step = replace(script, kind=SubjectKind.ATTRIBUTE, attribute="step")
    assert write_plain_command(step, "python") is None
    test = replace(script, kind=SubjectKind.PYTEST, attribute="test_a")
    assert write_plain_command(test, "python")[-3:] == ["pytest", "a.py::test_a", "-x"]  # type: ignore[index]
    assert os.listdir(tmp_path) == ["a.py"]
