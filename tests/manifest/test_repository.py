"""What git is asked, against real repositories: healthy, unborn, hostile and broken ones."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from reproaudit.manifest import repository
from reproaudit.manifest.repository import GitFailed, RepositoryState, read_repository
from tests.manifest.repositories import git, make_repository, write_files


def state_of(folder: Path) -> RepositoryState:
    found = read_repository(folder)
    assert found is not None
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_repository(
        tmp_path / "project", {"train.py": "x = 1\ny = 2\n", "sub/data.txt": "", ".gitignore": "o/"}
    )


def test_a_clean_tree_has_its_commit_and_no_patch(project: Path) -> None:
    found = state_of(project / "sub")
    assert found.top == project.resolve()
    assert found.commit == git(project, "rev-parse", "HEAD")
    assert found.branch == "main"
    assert (found.patch.text, found.patch.bytes, found.patch.digest) == ("", 0, "")
    assert found.untracked == ()


def test_a_changed_line_is_in_the_patch_whether_staged_or_not(project: Path) -> None:
    write_files(project, {"train.py": "x = 3\ny = 2\n"})
    before = state_of(project)
    assert "\n-x = 1\n+x = 3\n" in before.patch.text
    assert before.patch.bytes == len(before.patch.text)
    git(project, "add", "train.py")
    assert state_of(project) == before


def test_a_patch_does_not_depend_on_the_users_configuration(project: Path) -> None:
    write_files(project, {"train.py": "x = 3\ny = 2\n"})
    before = state_of(project)
    for name, value in (
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("color.ui", "always"),
        ("diff.context", "0"),
        ("diff.algorithm", "patience"),
        ("core.abbrev", "4"),
    ):
        git(project, "config", name, value)
    assert state_of(project) == before


def test_no_program_that_a_repository_names_is_started_for_a_difference(project: Path) -> None:
    trap = project.parent / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {project.parent / 'sprung'}\n")
    trap.chmod(0o755)
    write_files(project, {".gitattributes": "*.py diff=trap\n", "train.py": "x = 3\n"})
    for name in ("diff.external", "diff.trap.command", "diff.trap.textconv", "core.fsmonitor"):
        git(project, "config", name, str(trap))
    state_of(project)
    assert not (project.parent / "sprung").exists()


def test_untracked_files_are_told_by_content_and_ignored_ones_are_not(project: Path) -> None:
    write_files(project, {"new.py": "z = 1\n", "o/result.bin": "1", "large.txt": "x" * (2 << 20)})
    (project / "link").symlink_to("nowhere")
    found = state_of(project)
    assert [(file.path, file.bytes) for file in found.untracked] == [
        ("large.txt", 2 << 20),
        ("new.py", 6),
    ]
    large, small = found.untracked
    assert small.digest == hashlib.sha256(b"z = 1\n").hexdigest()
    assert large.digest == ""
    assert found.untracked_left_out == 1


def test_a_repository_without_a_commit_has_everything_in_its_patch(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    write_files(tmp_path, {"train.py": "x = 1\n"})
    git(tmp_path, "add", "train.py")
    found = state_of(tmp_path)
    assert (found.commit, found.branch) == ("", "main")
    assert "+x = 1" in found.patch.text


def test_a_detached_head_has_no_branch(project: Path) -> None:
    git(project, "checkout", "-q", "--detach")
    assert state_of(project).branch == ""


def test_a_folder_outside_of_any_repository_has_no_state(tmp_path: Path) -> None:
    assert read_repository(tmp_path) is None


def test_a_git_folder_that_is_a_link_is_followed(project: Path) -> None:
    (project / ".git").rename(project.parent / "elsewhere.git")
    (project / ".git").symlink_to(project.parent / "elsewhere.git")
    assert state_of(project).commit == git(project, "rev-parse", "HEAD")


def test_a_broken_repository_is_told_in_gits_words(project: Path) -> None:
    (project / ".git" / "HEAD").write_text("nonsense\n")
    with pytest.raises(GitFailed, match="git says: "):
        read_repository(project)


def test_a_commit_that_is_lost_is_no_repository_without_one(project: Path) -> None:
    (project / ".git" / "refs" / "heads" / "main").write_text("0" * 39 + "1\n")
    with pytest.raises(GitFailed):
        read_repository(project)


def test_a_link_to_nothing_in_place_of_git_is_told(tmp_path: Path) -> None:
    (tmp_path / ".git").symlink_to("nowhere")
    with pytest.raises(GitFailed, match="git says: "):
        read_repository(tmp_path)


def test_without_git_a_repository_is_told_and_another_folder_is_not(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(GitFailed, match="cannot be run"):
        read_repository(project)
    (tmp_path / "plain").mkdir()
    assert read_repository(tmp_path / "plain") is None


def test_reading_changes_no_file_of_the_repository(project: Path) -> None:
    write_files(project, {"train.py": "x = 3\ny = 2\n"})
    # An index older than its files is what git would refresh.
    os.utime(project / ".git" / "index", (1, 1))
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    state_of(project)
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


def test_a_long_patch_is_cut_at_a_line_and_told_by_its_digest(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(project, {"train.py": "".join(f"line_{n} = {n}\n" for n in range(500))})
    whole = state_of(project).patch
    monkeypatch.setattr(repository, "MOST_PATCH_BYTES", 300)
    cut = state_of(project).patch
    assert cut.text == whole.text[: len(cut.text)]
    assert cut.text.endswith("\n")
    assert 200 < len(cut.text) <= 300
    assert (cut.bytes, cut.digest) == (whole.bytes, whole.digest)


def test_a_name_of_control_characters_stays_on_its_line(project: Path) -> None:
    name = "a\n+++ b/other.py\x1b[2J.py"
    write_files(project, {name: "x = 1\n"})
    git(project, "add", "-A")
    write_files(project, {name: "x = 2\n"})
    assert "\n+++ b/other.py" not in state_of(project).patch.text
