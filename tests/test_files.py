"""Files are written whole or not at all, and read only if they are what they should be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reproaudit.codec import Malformed
from reproaudit.errors import TraceError
from reproaudit.files import (
    Unreadable,
    create_file,
    legible,
    open_regular,
    parse_object,
    put_in_place,
    read_bytes,
    read_text,
    write_at,
    write_whole,
)


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


def test_a_link_to_a_stream_of_the_process_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")
    with open(tmp_path / "redirected", "w", encoding="utf-8") as file:
        (tmp_path / "other").symlink_to(f"/proc/self/fd/{file.fileno()}")
        for name in ("stdout", "other"):
            with pytest.raises(OSError, match="it is no regular file"):
                write_whole(tmp_path / name, b"x")
            assert (tmp_path / name).is_symlink()


def test_a_folder_in_the_place_of_the_file_is_an_error_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "report.txt").mkdir()
    with pytest.raises(OSError, match="it is a folder"):
        write_whole(tmp_path / "report.txt", b"new")
    assert os.listdir(tmp_path) == ["report.txt"]


def test_writing_works_while_the_program_mocks_the_functions_of_os(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("replace", "open", "pwrite", "unlink", "stat", "fsync", "getpid"):
        monkeypatch.setattr(os, name, None)
    write_whole(tmp_path / "file", b"x", survives_power_loss=True)
    monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == b"x"


def test_a_link_with_a_temporary_name_or_in_the_place_of_the_file_is_not_written_through(
    tmp_path: Path,
) -> None:
    valuable = tmp_path / "valuable"
    valuable.write_text("kept")
    names = ("out", "out.partial", *(f".reproaudit-{os.getpid()}-{n}.partial" for n in range(2000)))
    for name in names:
        (tmp_path / name).symlink_to(valuable)
    write_whole(tmp_path / "out", b"new")
    assert valuable.read_text() == "kept"
    assert (tmp_path / "out").read_text() == "new"
    assert not (tmp_path / "out").is_symlink()
    assert len(os.listdir(tmp_path)) == len(names) + 1


def test_a_device_or_a_pipe_is_not_replaced_and_nobody_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for name in ("pipe", "null"):
        with pytest.raises(OSError, match="no regular file"):
            write_whole(tmp_path / name, b"new")
    with pytest.raises(OSError, match="No such device"):
        write_at(str(tmp_path / "pipe"), b"new", 0)
    assert sorted(os.listdir(tmp_path)) == ["null", "pipe"]


def test_a_new_file_takes_the_place_of_a_link_and_leaves_what_it_led_to(tmp_path: Path) -> None:
    (tmp_path / "valuable").write_text("kept")
    (tmp_path / "run.log").symlink_to("valuable")
    for text in ("first", "second"):
        with create_file(tmp_path / "run.log") as file:
            file.write(text.encode())
        assert (tmp_path / "run.log").read_text() == text
    assert (tmp_path / "valuable").read_text() == "kept"


def test_what_is_no_regular_file_of_a_bearable_size_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(20 << 30)
    (tmp_path / "latin").write_bytes(b"\xe4")
    why = {
        "pipe": "no regular file",
        "zero": "no regular file",
        "sparse": "21,474,836,480 bytes, and at most 1,000",
        "latin": "not UTF-8",
        ".": "a folder",
        "latin/x": "Not a directory",
        "a\0b": "null",
        "x" * 300: "too long",
    }
    for name, words in why.items():
        with pytest.raises(Unreadable, match=words):
            read_text(tmp_path / name, 1000)
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "missing", 1000)


def test_a_file_that_says_less_than_it_holds_is_read_up_to_the_bound() -> None:
    with pytest.raises(Unreadable, match="more than 10 bytes"):
        read_bytes("/proc/self/mountinfo", 10)


def test_every_line_end_is_a_newline(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"a\r\nb\rc\n")
    assert read_text(tmp_path / "text", 7) == "a\nb\nc\n"


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


@pytest.mark.skipif(sys.platform != "linux", reason="a limit for one process")
def test_a_file_that_is_too_large_for_a_limit_is_not_told_to_be_on_a_full_disk(
    tmp_path: Path,
) -> None:
    code = """
import resource, sys
from reproaudit.files import require_room
resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))
try:
    require_room(sys.argv[1])
except OSError as error:
    print(error.strerror)
"""
    words = [sys.executable, "-c", code, str(tmp_path)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert said == "File too large\n"
