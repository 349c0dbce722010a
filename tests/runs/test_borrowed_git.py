"""git's own files in a copy: what a program asks git there, and what it may change."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reproaudit.runs import borrowed_git
from reproaudit.runs.borrowed_git import borrow_git

NAMES = ("-c", "user.name=n", "-c", "user.email=e", "-c", "protocol.file.allow=always")


def git(folder: Path, *words: str) -> str:
    command = ["git", *NAMES, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_repository(folder: Path) -> None:
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.txt").write_text("a")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """A repository, a second working tree of it, and a submodule of another."""
    make_repository(tmp_path / "plain")
    git(tmp_path / "plain", "worktree", "add", "-q", "-b", "other", str(tmp_path / "tree"))
    make_repository(tmp_path / "whole")
    git(tmp_path / "whole", "submodule", "--quiet", "add", str(tmp_path / "plain"), "part")
    return {
        "plain": tmp_path / "plain",
        "tree": tmp_path / "tree",
        "part": tmp_path / "whole" / "part",
    }


@pytest.mark.parametrize("kind", ["plain", "tree", "part"])
def test_a_copy_is_at_the_same_commit_and_its_own_top(
    tmp_path: Path, sources: dict[str, Path], kind: str
) -> None:
    source = sources[kind]
    copy = tmp_path / "copy"
    copy.mkdir()
    borrow_git(source / ".git", copy / ".git")
    (copy / "a.txt").write_text("a")
    assert git(copy, "rev-parse", "HEAD") == git(source, "rev-parse", "HEAD")
    assert git(copy, "rev-parse", "--show-toplevel") == str(copy)
    branch = ("rev-parse", "--abbrev-ref", "HEAD")
    assert git(copy, *branch) == git(source, *branch)
    assert git(copy, "log", "--format=%s") == "first"
    assert git(copy, "status", "--porcelain") == ""
    (copy / "b.txt").write_text("b")
    git(copy, "add", ".")
    git(copy, "commit", "-q", "-m", "second")
    assert git(source, "log", "--format=%s") == "first"
    assert git(source, "status", "--porcelain") == ""


def test_of_very_many_branches_the_repository_itself_is_named(
    tmp_path: Path, sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(borrowed_git, "_MOST_FILES", 1)
    copy = tmp_path / "copy"
    copy.mkdir()
    borrow_git(sources["plain"] / ".git", copy / ".git")
    assert (copy / ".git").is_file()
    assert git(copy, "log", "--format=%s") == "first"
