"""Files of a run's own: copies of the folder as it was, and a subject that moves into one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectSpec, parse_subject
from reproaudit.errors import SubjectError
from reproaudit.runs import fresh_files
from reproaudit.runs.fresh_files import WorkingFolder, move_subject


def test_a_copy_lacks_what_was_made_later_and_goes_when_the_run_ends(tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "data").mkdir(parents=True)
    (work / "train.py").write_text("")
    folder = WorkingFolder(work)
    (work / "later.txt").write_text("")
    plan = RunPlan(trace_dir=tmp_path / "trace", subject=parse_subject("train.py", cwd=work))
    with folder.lend_copy(plan, tmp_path / "copy") as moved:
        assert moved.subject.cwd == tmp_path / "copy"
        assert sorted(path.name for path in moved.subject.cwd.iterdir()) == ["data", "train.py"]
        temporary = Path(dict(moved.settings.env)["TMPDIR"])
        assert list(temporary.iterdir()) == []
    assert not (tmp_path / "copy").exists()
    assert not temporary.exists()


def test_a_temporary_folder_within_the_working_folder_has_its_place_in_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    (work / "scratch").mkdir(parents=True)
    (work / "scratch" / "before.pt").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(work / "scratch"))
    folder = WorkingFolder(work)
    (work / "train.py").write_text("")
    plan = RunPlan(trace_dir=tmp_path / "trace", subject=parse_subject("train.py", cwd=work))
    with folder.lend_copy(plan, tmp_path / "copy") as moved:
        temporary = Path(dict(moved.settings.env)["TMPDIR"])
        assert temporary == tmp_path / "copy" / "scratch"
        assert [path.name for path in temporary.iterdir()] == ["before.pt"]
    assert [path.name for path in (work / "scratch").iterdir()] == ["before.pt"]


def test_a_folder_with_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh_files, "_MOST_FILES", 1)
    for name in ("train.py", "other.py"):
        (tmp_path / name).write_text("")
    plan = RunPlan(trace_dir=tmp_path / "trace", subject=parse_subject("train.py", cwd=tmp_path))
    with (
        pytest.raises(SubjectError, match="folder-too-large"),
        WorkingFolder(tmp_path).lend_copy(plan, tmp_path / "copy"),
    ):
        pass


def test_a_script_outside_of_the_copied_folder_keeps_its_place(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "train.py").write_text("")
    subject = parse_subject("../train.py", cwd=tmp_path / "copy")
    elsewhere = move_subject(subject, tmp_path / "copy" / "deep")
    assert elsewhere.cwd == tmp_path / "copy" / "deep"
    assert elsewhere.file.resolve() == tmp_path / "train.py"
    assert isinstance(elsewhere, SubjectSpec)


def test_a_script_named_by_its_whole_path_is_run_from_the_copy(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "copy").mkdir()
    for folder in ("work", "copy"):
        (tmp_path / folder / "train.py").write_text("")
    subject = parse_subject(str(tmp_path / "work" / "train.py"), cwd=tmp_path / "work")
    assert move_subject(subject, tmp_path / "copy").file == tmp_path / "copy" / "train.py"
