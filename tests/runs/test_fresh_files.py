"""Files of a run's own: copies of the folder as it was, and a subject that moves into one."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectKind, SubjectSpec, parse_subject
from reproaudit.errors import SubjectError
from reproaudit.runs import copied_files
from reproaudit.runs.fresh_files import WorkingFolder, move_subject
from reproaudit.runs.moved_paths import Move, MovedPaths


def write(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)


def plan_in(cwd: Path, subject: str = "train.py", argv: tuple[str, ...] = ()) -> RunPlan:
    return RunPlan(trace_dir=cwd / "trace", subject=parse_subject(subject, argv, cwd=cwd))


def test_a_copy_lacks_what_was_made_later_and_goes_when_the_run_ends(tmp_path: Path) -> None:
    work = tmp_path / "work"
    write(work, "data/a.txt", "train.py")
    folder = WorkingFolder(work)
    write(work, "later.txt")
    places = []
    for _ in range(2):
        with folder.lend_copy(plan_in(work), tmp_path / "copy") as moved:
            cwd = moved.subject.cwd
            assert cwd.is_relative_to(tmp_path / "copy")
            assert sorted(os.listdir(cwd)) == ["data", "train.py"]
            temporary = Path(dict(moved.settings.env)["TMPDIR"])
            assert list(temporary.iterdir()) == []
            places.append((cwd, temporary))
        assert not (tmp_path / "copy").exists()
        assert not temporary.exists()
    assert places[0] == places[1]


def test_a_temporary_folder_within_the_working_folder_has_its_place_in_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    write(work, "scratch/before.pt")
    monkeypatch.setattr(tempfile, "tempdir", str(work / "scratch"))
    folder = WorkingFolder(work)
    write(work, "train.py")
    with folder.lend_copy(plan_in(work), tmp_path / "copy") as moved:
        temporary = Path(dict(moved.settings.env)["TMPDIR"])
        assert temporary == moved.subject.cwd / "scratch"
        assert [path.name for path in temporary.iterdir()] == ["before.pt"]
    assert [path.name for path in (work / "scratch").iterdir()] == ["before.pt"]


def test_a_folder_with_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copied_files, "MOST_FILES", 1)
    write(tmp_path, "train.py", "other.py")
    with (
        pytest.raises(SubjectError, match="folder-too-large"),
        WorkingFolder(tmp_path).lend_copy(plan_in(tmp_path), tmp_path / "copy"),
    ):
        pass


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a program two folders down, and what it needs above that."""
    top = tmp_path / "home" / "project"
    write(top, "lib/model.py", "data/a.txt", "runs/deep/train.py", "runs/deep/a.yaml")
    write(top.parent, "beside/b.txt")
    (top / ".gitignore").write_text("data/\n")
    git = ["git", "-C", str(top), "-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    return top


def ask_git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_program_finds_above_its_folder_what_its_repository_has_there(
    tmp_path: Path, repository: Path
) -> None:
    start = repository / "runs" / "deep"
    plan = plan_in(start, argv=("--data", str(repository / "data"), f"--out={repository}/out"))
    with WorkingFolder(start).lend_copy(plan, tmp_path / "copy") as moved:
        cwd = moved.subject.cwd
        top = cwd.parent.parent
        assert (cwd / "../../lib/model.py").read_text() == "lib/model.py"
        assert (cwd / "../../data/a.txt").is_file()
        assert (cwd / "../../../beside/b.txt").is_file()
        assert not top.is_symlink()
        assert top.name == "project"
        assert moved.subject.argv == ("--data", str(top / "data"), f"--out={top}/out")
        assert moved.copies == ((str(top), str(repository)),)
    assert (repository / "lib" / "model.py").is_file()


def test_what_a_program_writes_through_git_stays_in_the_copy(
    tmp_path: Path, repository: Path
) -> None:
    commit = ask_git(repository, "rev-parse", "HEAD")
    with WorkingFolder(repository).lend_copy(
        plan_in(repository, "runs/deep/train.py"), tmp_path / "copy"
    ) as moved:
        copy = moved.subject.cwd
        assert ask_git(copy, "rev-parse", "HEAD") == commit
        assert ask_git(copy, "rev-parse", "--show-toplevel") == str(copy)
        assert ask_git(copy, "status", "--porcelain") == ""
        write(copy, "new.txt")
        ask_git(copy, "add", "new.txt")
        names = ("-c", "user.name=n", "-c", "user.email=e")
        ask_git(copy, *names, "commit", "-q", "-m", "second")
        assert ask_git(copy, "rev-parse", "HEAD") != commit
    assert ask_git(repository, "rev-parse", "HEAD") == commit
    assert ask_git(repository, "status", "--porcelain") == ""


def test_an_environment_in_the_repository_is_linked_and_nothing_is_led_away_from_it(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(repository, ".venv/pyvenv.cfg", ".venv/bin/python", "tools/x", "lib/__pycache__/m.pyc")
    monkeypatch.setenv("VIRTUAL_ENV", f"{repository}/.venv")
    monkeypatch.setenv("PATH", f"{repository}/.venv/bin:{repository}/tools:/usr/bin")
    monkeypatch.setenv("DATA_DIR", f"{repository}/data")
    monkeypatch.setenv("REPROAUDIT_X", f"{repository}/data")
    plan = plan_in(repository, "runs/deep/train.py", (f"{repository}/.venv/bin/python",))
    with WorkingFolder(repository).lend_copy(plan, tmp_path / "copy") as moved:
        copy = moved.subject.cwd
        changed = dict(moved.settings.env)
        assert (copy / ".venv").readlink() == repository / ".venv"
        assert not (copy / "lib" / "__pycache__").exists()
        assert moved.subject.argv == plan.subject.argv
        assert changed["PATH"] == f"{repository}/.venv/bin:{copy}/tools:/usr/bin"
        assert changed["DATA_DIR"] == f"{copy}/data"
        assert changed.keys().isdisjoint({"VIRTUAL_ENV", "REPROAUDIT_X"})
    assert (repository / ".venv" / "bin" / "python").is_file()


def test_links_lead_where_they_led_or_to_the_copy(tmp_path: Path, repository: Path) -> None:
    start = repository / "runs"
    (start / "out").symlink_to("../../beside")
    (start / "in").symlink_to("../lib")
    (start / "absolute").symlink_to(repository / "data")
    (start / "nowhere").symlink_to("not-there")
    os.mkfifo(start / "pipe")
    plan = plan_in(start, "deep/train.py")
    with WorkingFolder(start).lend_copy(plan, tmp_path / "copy") as moved:
        cwd = moved.subject.cwd
        assert (cwd / "out").resolve() == repository.parent / "beside"
        assert (cwd / "in").resolve() == cwd.parent / "lib"
        assert (cwd / "absolute").resolve() == cwd.parent / "data"
        assert (cwd / "nowhere").is_symlink()
        assert not (cwd / "pipe").exists()


def test_what_numba_compiled_is_found_by_a_copy_where_other_runs_find_it(
    tmp_path: Path, repository: Path
) -> None:
    folder = WorkingFolder(repository)
    write(repository, "lib/__pycache__/model.f.nbi", "lib/__pycache__/model.pyc")
    plan = plan_in(repository, "runs/deep/train.py")
    for keeps, expected in ((True, ["model.f.nbi"]), (False, [])):
        with folder.lend_copy(plan, tmp_path / "copy", keeps_compiled=keeps) as moved:
            caches = moved.subject.cwd.glob("lib/__pycache__/*")
            assert [path.name for path in caches] == expected


def test_a_program_in_the_same_repository_is_run_from_the_copy(
    tmp_path: Path, repository: Path
) -> None:
    start = repository / "data"
    plan = plan_in(start, "../runs/deep/train.py")
    folder = WorkingFolder(start)
    assert folder.holds(plan.subject.file)
    with folder.lend_copy(plan, tmp_path / "copy") as moved:
        assert moved.subject.path == plan.subject.path
        assert moved.subject.file.resolve().is_relative_to(tmp_path / "copy")


def test_a_program_elsewhere_starts_where_it_did_and_lies_in_the_copy(
    tmp_path: Path, repository: Path
) -> None:
    start = tmp_path / "start"
    start.mkdir()
    plan = plan_in(start, str(repository / "runs" / "deep" / "train.py"), (f"{repository}/data",))
    folder = WorkingFolder(plan.subject.folder)
    assert not WorkingFolder(start).holds(plan.subject.file)
    with folder.lend_program(plan, tmp_path / "copy") as moved:
        assert moved.subject.cwd == start
        assert moved.subject.file.is_relative_to(tmp_path / "copy")
        assert (moved.subject.folder / "../../lib/model.py").is_file()
        assert moved.subject.argv[0].startswith(str(tmp_path / "copy"))


def test_a_script_outside_of_the_copied_folder_keeps_its_place(tmp_path: Path) -> None:
    write(tmp_path, "train.py", "deep/x")
    subject = parse_subject("../train.py", cwd=tmp_path / "deep")
    paths = MovedPaths([Move(tmp_path / "deep", tmp_path / "copy" / "a" / "deep")], subject.cwd)
    elsewhere = move_subject(subject, paths)
    assert elsewhere.cwd == tmp_path / "copy" / "a" / "deep"
    assert elsewhere.file == tmp_path / "train.py"


def test_a_script_named_by_its_whole_path_is_run_from_the_copy(tmp_path: Path) -> None:
    write(tmp_path, "project/train.py", "copy/project/train.py")
    subject = parse_subject(str(tmp_path / "project" / "train.py"), cwd=tmp_path / "project")
    paths = MovedPaths([Move(tmp_path / "project", tmp_path / "copy" / "project")], subject.cwd)
    assert move_subject(subject, paths).file == tmp_path / "copy" / "project" / "train.py"


def test_a_command_of_the_project_is_that_of_the_copy_and_no_interpreter_is(
    tmp_path: Path, repository: Path
) -> None:
    write(repository, ".venv/pyvenv.cfg", ".venv/bin/python", "run.sh")
    plan = plan_in(repository, "runs/deep/train.py")
    for program, led_by in (("run.sh", "copy"), (".venv/bin/python", "repository")):
        words = (f"{repository}/{program}", f"{repository}/runs/deep/train.py")
        command = SubjectSpec(SubjectKind.COMMAND, repository, argv=(words[1],), program=words[0])
        with WorkingFolder(repository).lend_copy(
            replace(plan, subject=command), tmp_path / "copy"
        ) as moved:
            places = {"copy": moved.subject.cwd, "repository": repository}
            assert moved.subject.program == f"{places[led_by]}/{program}"
            assert moved.subject.argv == (f"{moved.subject.cwd}/runs/deep/train.py",)


def test_variables_of_the_settings_move_too(tmp_path: Path, repository: Path) -> None:
    plan = plan_in(repository, "runs/deep/train.py")
    plan = replace(plan, settings=Settings(env=(("HF_HOME", f"{repository}/cache"),)))
    with WorkingFolder(repository).lend_copy(plan, tmp_path / "copy") as moved:
        assert dict(moved.settings.env)["HF_HOME"] == str(moved.subject.cwd / "cache")
