"""Files that are lent to a run, wherever the audit keeps its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.settings import Settings
from reproaudit.config.subject import parse_subject
from reproaudit.runs.lent_files import LentFiles
from reproaudit.runs.request import RunRequest


def test_a_folder_that_is_named_relative_to_here_is_found_by_a_run_that_works_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, elsewhere = tmp_path / "work", tmp_path / "programs"
    for folder in (work, elsewhere):
        folder.mkdir()
    (elsewhere / "train.py").write_text("one = 1\n")
    monkeypatch.chdir(work)
    subject = parse_subject(str(elsewhere / "train.py"), (), cwd=work)
    files = LentFiles(subject, Path("out"), for_all=False, side_by_side=False)
    plan = RunPlan(trace_dir=work / "trace", subject=subject)
    request = RunRequest(
        name="patched", index=0, what="", fresh_copy=True, files=(("train.py", "one = 2\n"),)
    )
    with files.lend(request, plan, Settings()) as moved:
        assert moved.subject.cwd.is_absolute()
        assert moved.subject.file.is_relative_to(work / "out")
        # From the folder that the run starts in.
        monkeypatch.chdir(moved.subject.cwd)
        assert moved.subject.file.read_text() == "one = 2\n"
