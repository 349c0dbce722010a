"""What is written after the runs: tried before them, and kept elsewhere if it fails then."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from reproaudit.errors import UsageError
from reproaudit.report.destinations import Destination, Failures

RESULT = Destination("the result", "report-write", "name another path")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder to start in; temporary files go beside it."""
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(kept))
    start = tmp_path / "start"
    start.mkdir()
    monkeypatch.chdir(start)
    return start


def refuse_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("reproaudit.report.destinations.write_whole", fail)


@pytest.mark.parametrize("place", [".", "file/x.json", "fifo", "x" * 300, "a\0b", "/proc/x"])
def test_what_no_file_can_replace_is_refused_before_the_runs(folder: Path, place: str) -> None:
    (folder / "file").touch()
    os.mkfifo(folder / "fifo")
    with pytest.raises(UsageError, match="cannot write the result"):
        RESULT.try_file(Path(place))
    assert sorted(os.listdir(folder)) == ["fifo", "file"]


def test_trying_makes_nothing_and_follows_no_link(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "elsewhere")
    for place in ("new/folder/x.json", "link"):
        RESULT.try_file(Path(place))
    RESULT.try_folder(Path("new/folder"))
    assert os.listdir(folder) == ["link"]


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/below", "a\0b"])
def test_what_can_be_no_folder_is_refused_before_the_runs(folder: Path, place: str) -> None:
    (folder / "file").touch()
    with pytest.raises(UsageError, match="cannot write the result"):
        RESULT.try_folder(Path(place))


def test_what_cannot_be_written_in_the_end_is_in_the_file_that_the_error_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "x.json").write_text("before")
    refuse_to_write(monkeypatch)
    with pytest.raises(UsageError, match="No space left on device") as caught:
        RESULT.write(Path("x.json"), "hours\r\n")
    (kept,) = (folder.parent / "kept").iterdir()
    assert caught.value.hint == f"name another path\n  the result is in {kept}"
    assert kept.read_bytes() == b"hours\r\n"
    assert kept.suffix == ".json"
    assert (folder / "x.json").read_text() == "before"


def test_all_that_could_not_be_written_is_named_by_the_one_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_to_write(monkeypatch)
    failures = Failures()
    for name in ("a.json", "b.json"):
        with failures.put_off():
            RESULT.write(Path(name), name)
    with pytest.raises(UsageError, match=r"'a\.json'") as caught:
        failures.raise_any()
    for kept in (folder.parent / "kept").iterdir():
        assert str(kept) in caught.value.hint
    assert "'b.json'" in caught.value.hint


def test_nothing_is_raised_where_all_was_written(folder: Path) -> None:
    failures = Failures()
    with failures.put_off():
        RESULT.write(folder / "deep" / "x", "text")
    failures.raise_any()
    assert (folder / "deep" / "x").read_text() == "text"
