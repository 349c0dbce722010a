"""Files are written whole or not at all, and read only if they are what they should be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reproaudit.codec import Malformed
from reproaudit.errors import TraceError
from reproaudit.files import legible, open_regular, parse_object, put_in_place, write_whole


def test_a_file_that_is_written_whole_replaces_the_old_one_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    target = tmp_path / "report.txt"
    target.write_text("old, and longer")
    write_whole(target, b"new")
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["report.txt"]


def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "report.txt"
    target.write_text("old")

    def write_half() -> None:
        with put_in_place(target) as temporary:
            Path(temporary).write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.txt"]


def test_a_folder_in_the_place_of_the_file_is_an_error_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "report.txt").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "report.txt", b"new")
    assert os.listdir(tmp_path) == ["report.txt"]


def test_writing_works_while_the_program_mocks_the_functions_of_os(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("replace", "open", "pwrite", "unlink"):
        monkeypatch.setattr(os, name, None)
    write_whole(tmp_path / "file", b"x")
    monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == b"x"


def test_a_symbolic_link_and_a_folder_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("link", "."):
        with pytest.raises(TraceError, match="trace-unsafe"):
            open_regular(tmp_path / name)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"\xff", "no UTF-8"),
        (b"[]", "no JSON object"),
        (b'{"a": NaN}', "no JSON number"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        parse_object(raw)


def test_lone_surrogates_are_written_out() -> None:
    assert parse_object(rb'{"a\ud800": ["\udcff"]}   ') == {"a\\ud800": ["\\udcff"]}
    assert legible("é") == "é"
