"""Which files are recorded, and as what."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reproaudit.model.events import Level
from reproaudit.trace.reader import Trace
from tests.record.recording import record


def uses(trace: Trace, folder: Path) -> list[tuple[str, str]]:
    """Return name and access of each file below `folder`, in order."""
    root = os.path.realpath(folder)
    return [
        (os.path.relpath(file.path, root), file.access.value if file.access else "")
        for file in trace.files()
        if file.path.startswith(root)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "old").write_bytes(b"old")
    return tmp_path / "data"


def save_whole(folder: Path) -> None:
    (folder / "new.part").write_bytes(b"new")
    os.replace(folder / "new.part", folder / "new")


def update(folder: Path) -> None:
    with open(folder / "old", "r+b") as file:
        file.write(b"O")


def look_for_missing(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        (folder / "missing").read_bytes()


def use_database(folder: Path) -> None:
    sqlite3.connect(folder / "base").close()


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (lambda folder: (folder / "old").read_text(), [("old", "read")]),
        (lambda folder: os.close(os.open(folder / "old", os.O_RDONLY)), [("old", "read")]),
        (lambda folder: (folder / "new").write_text("new"), [("new", "write")]),
        (lambda folder: open(folder / "old", "a").close(), [("old", "append")]),
        (update, [("old", "read"), ("old", "append")]),
        (look_for_missing, [("missing", "absent")]),
        (save_whole, [("new.part", "write"), ("new", "write")]),
        (lambda folder: np.save(folder / "new.npy", np.zeros(2)), [("new.npy", "write")]),
        (lambda folder: torch.save({}, folder / "new.pt"), [("new.pt", "write")]),
        (use_database, [("base", "absent"), ("base", "append")]),
        (lambda folder: (folder / "new.py").write_text(""), []),
        (lambda folder: os.close(os.open(folder, os.O_RDONLY)), []),
        (lambda folder: [(folder / "old").read_text() for _ in range(3)], [("old", "read")]),
    ],
)
def test_a_file_is_recorded_by_how_it_is_opened(
    tmp_path: Path, folder: Path, program: Callable[[Path], Any], expected: list[tuple[str, str]]
) -> None:
    trace, _ = record(tmp_path, lambda: program(folder))
    assert uses(trace, folder) == expected


def test_the_line_is_the_programs_own_though_a_library_opens_the_file(
    tmp_path: Path, folder: Path
) -> None:
    np.save(folder / "array.npy", np.zeros(2))

    def program() -> Any:
        return np.load(folder / "array.npy")

    trace, _ = record(tmp_path, program)
    (file,) = trace.files()
    assert file.location.line == program.__code__.co_firstlineno + 1


def test_what_is_read_is_told_by_its_content_alone(tmp_path: Path, folder: Path) -> None:
    def content(data: bytes) -> tuple[int, ...]:
        (folder / "old").write_bytes(data)
        trace, _ = record(tmp_path, (folder / "old").read_bytes)
        (file,) = trace.files()
        return file.content

    first, again, other = content(b"one"), content(b"one"), content(b"two")
    assert first == again != other


def test_a_pipe_is_not_opened_by_the_recorder(tmp_path: Path, folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    def program() -> bytes:
        reading = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        try:
            return os.read(reading, 1)
        finally:
            os.close(reading)

    trace, found = record(tmp_path, program)
    assert found == b""
    assert uses(trace, folder) == []


def test_own_traces_and_modules_are_no_files_of_the_program(tmp_path: Path) -> None:
    def program() -> None:
        import this  # noqa: F401

    trace, _ = record(tmp_path, program)
    assert list(trace.files()) == []


def test_nothing_is_recorded_at_boundary_level_nor_after_the_recording(
    tmp_path: Path, folder: Path
) -> None:
    trace, _ = record(tmp_path, (folder / "old").read_bytes, level=Level.BOUNDARY)
    assert list(trace.files()) == []
    first, _ = record(tmp_path, lambda: None)
    (folder / "old").read_bytes()
    assert list(Trace.open(first.directory).files()) == []


def test_paths_that_are_none_fail_as_they_would_anyway(tmp_path: Path) -> None:
    def program() -> None:
        with pytest.raises(ValueError, match="null byte"):
            Path("a\0b").read_bytes()
        with pytest.raises(OSError, match="too long"):
            Path("x" * 5000).read_bytes()

    record(tmp_path, program)
