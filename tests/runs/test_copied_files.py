"""Which files of a project are copied for a run."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from reproaudit.runs import copied_files
from reproaudit.runs.copied_files import find_top, list_compiled, select_files


def write(folder: Path, *names: str, size: int = 1) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A repository that git ignores `data` and `sub/data` of."""
    top = tmp_path / "project"
    write(top, "lib/model.py", "sub/train.py", "data/a", "sub/data/b", size=10)
    (top / ".gitignore").write_text("data/\n")
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    return top


def test_all_of_the_repository_is_copied_if_it_is_bearable(top: Path) -> None:
    selection = select_files(top / "sub")
    assert selection is not None
    assert (selection.folder, selection.shared, selection.linked) == (top, "", ())
    assert selection.repositories == (".git",)
    assert set(selection.copied) >= {"data/a", "sub/data/b", "lib/model.py", "sub/train.py"}


def test_what_git_ignores_is_linked_where_it_is_too_large_that_of_the_program_last(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copied_files, "MOST_BYTES", 40)
    selection = select_files(top / "sub")
    assert selection is not None
    assert selection.folder == top
    assert (selection.linked, selection.shared) == (("data",), "too large and linked: data")
    assert "sub/data/b" in selection.copied


def test_the_working_folder_alone_is_copied_of_a_repository_that_is_too_large(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(top, "large", size=100)
    monkeypatch.setattr(copied_files, "MOST_BYTES", 60)
    selection = select_files(top / "sub")
    assert selection is not None
    assert selection.folder == top / "sub"
    assert selection.copied == ("data", "data/b", "train.py")
    assert selection.shared == f"{top} is too large, so that only {top / 'sub'} is copied"
    write(top, "sub/large", size=100)
    assert select_files(top / "sub") is None


def test_sockets_and_what_is_ours_are_left_out(top: Path) -> None:
    write(top, "out/run-0/events.bin")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(top / "s"))
        selection = select_files(top, top / "out")
    assert selection is not None
    assert not [path for path in selection.copied if path == "s" or path.startswith("out")]


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta/history"])
def test_an_environment_is_no_part_of_the_copy(top: Path, mark: str) -> None:
    write(top, f"env/{mark}", "env/lib/a.py", "node_modules/a/b.js")
    selection = select_files(top)
    assert selection is not None
    assert selection.linked == ("env", "node_modules")
    assert not any(path.startswith("env") for path in selection.copied)


def test_the_top_of_a_submodule_is_that_of_the_whole(top: Path) -> None:
    write(top, "part/deep/x")
    (top / "part" / ".git").write_text("gitdir: ../.git/modules/part\n")
    assert find_top(top / "part" / "deep") == top
    (top / "part" / ".git").write_text("gitdir: /elsewhere/.git/worktrees/part\n")
    assert find_top(top / "part" / "deep") == top / "part"


def test_a_home_folder_that_is_a_repository_is_no_project(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(top))
    assert find_top(top / "sub") == top / "sub"


def test_of_bytecode_only_what_numba_compiled_is_copied(top: Path) -> None:
    write(top, "lib/__pycache__/m.pyc", "lib/__pycache__/m.f.nbi", "sub/__pycache__/t.pyc")
    selection = select_files(top)
    assert selection is not None
    assert [path for path in selection.copied if "__pycache__" in path] == [
        "lib/__pycache__",
        "lib/__pycache__/m.f.nbi",
    ]
    assert list(list_compiled(top / "lib")) == ["__pycache__/m.f.nbi"]
    assert list(list_compiled(top / "nowhere")) == []
