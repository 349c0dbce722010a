from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from reproaudit.config.command import find_command, is_command, read_python


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH with a command `launch` and the Python that runs the tests."""
    folder = tmp_path / "bin"
    folder.mkdir()
    launch = folder / "launch"
    launch.write_text("#!/bin/sh\n", encoding="utf-8")
    launch.chmod(0o755)
    (folder / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_what_the_shell_would_run_is_a_command(tools: Path, tmp_path: Path) -> None:
    assert find_command("launch", tmp_path) == str(tools / "launch")
    assert find_command("bin/launch", tmp_path) == str(tools / "launch")
    assert is_command("launch", tmp_path)
    assert is_command("./bin/launch", tmp_path)
    assert is_command(str(tools / "launch"), tmp_path)


@pytest.mark.parametrize("word", ["", "absent", "train.py", "a.ipynb", "launch.py::step", "./no"])
def test_other_words_are_none(tools: Path, tmp_path: Path, word: str) -> None:
    assert not is_command(word, tmp_path)


def test_a_file_of_that_name_beside_the_user_is_meant_instead(tools: Path, tmp_path: Path) -> None:
    (tmp_path / "launch").write_text("", encoding="utf-8")
    assert not is_command("launch", tmp_path)


def test_a_file_that_may_not_be_executed_is_no_command(tools: Path, tmp_path: Path) -> None:
    (tools / "launch").chmod(0o644)
    assert not is_command("bin/launch", tmp_path)


def test_what_our_own_python_runs_is_the_subject_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))
    python = os.path.basename(sys.executable)
    assert read_python([python, "train.py", "-x"], tmp_path) == ("train.py", "-x")
    assert read_python([python, "-u", "-m", "pkg.train"], tmp_path) == ("-m", "pkg.train")
    assert read_python([sys.executable, "train.py"], tmp_path) == ("train.py",)


@pytest.mark.parametrize("rest", [["-c", "1"], ["-O", "train.py"], [], ["-m"], ["folder"]])
def test_a_python_that_is_told_more_is_a_command(tmp_path: Path, rest: list[str]) -> None:
    assert read_python([sys.executable, *rest], tmp_path) is None


def test_a_python_of_another_environment_is_a_command(tools: Path, tmp_path: Path) -> None:
    assert read_python(["python", "train.py"], tmp_path) is None
