"""What a log says: its printable end, and what is new in it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from reproaudit.runs.log import copy_to_stderr, find_last_words, tail


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"", ""),
        (b"one\ntwo\nthree\n", "two\nthree"),
        (b"a\r\nb\r\n", "a\nb"),
        (b"start\n10%\r50%\r100%", "start\n100%"),
        (b"\xffred \x1b[31m\tx\n", "\N{REPLACEMENT CHARACTER}red \\x1b[31m\tx"),
    ],
)
def test_the_tail_is_printable_and_shows_each_lines_last_state(
    tmp_path: Path, content: bytes, shown: str
) -> None:
    (tmp_path / "log").write_bytes(content)
    assert tail(tmp_path / "log", lines=2) == shown


def test_the_tail_of_a_large_log_reads_its_end_only(tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as file:
        file.truncate(1 << 30)
        file.seek(1 << 30)
        file.write(b"\nlast line\n")
    assert tail(tmp_path / "log", lines=1) == "last line"


def test_the_tail_of_a_missing_log_is_empty(tmp_path: Path) -> None:
    assert tail(tmp_path / "log") == ""


def test_only_what_is_new_in_a_log_is_copied_and_counted(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "log").write_bytes(b"old\nnew \xff\n")
    assert copy_to_stderr(tmp_path / "log", position=4) == 6
    assert copy_to_stderr(tmp_path / "log", position=10) == 0
    assert capfdbinary.readouterr() == (b"", b"new \xff\n")


def test_a_stderr_that_takes_text_alone_gets_readable_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log").write_bytes(b"a \xff\n")
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    assert copy_to_stderr(tmp_path / "log", position=0) == 4
    assert screen.getvalue() == "a \N{REPLACEMENT CHARACTER}\n"


LAUNCHER = """
[rank1]: RuntimeError: no more of this
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
  exitcode  : 1 (pid: 7)
============================================================
"""


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        (LAUNCHER, "[rank1]: RuntimeError: no more of this"),
        ("a\nValueError: b\n", "ValueError: b"),
        ("KeyboardInterrupt\n-----\n", "KeyboardInterrupt"),
        ("no such option\n=====\n", "no such option"),
        ("====\n", ""),
    ],
)
def test_the_last_words_are_those_of_an_error(tmp_path: Path, printed: str, words: str) -> None:
    (tmp_path / "log").write_text(printed, encoding="utf-8")
    assert find_last_words(tmp_path / "log") == words
