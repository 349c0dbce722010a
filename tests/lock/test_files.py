"""The lock as a file: written whole or not at all, and brought together after a merge conflict."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.errors import UsageError
from reproaudit.lock.files import load, load_to_change, save
from reproaudit.lock.model import Entry, Lock
from reproaudit.lock.text import to_text
from tests.lock.locks import ENTRY, LOCK, RUN, THERE, tensor


def code_of(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load(path)
    assert caught.value.hint
    return caught.value.code


def conflict(path: Path, ours: Lock, theirs: Lock) -> Path:
    path.write_text(f"<<<<<<< HEAD\n{to_text(ours)}=======\n{to_text(theirs)}>>>>>>> other\n")
    return path


def test_what_was_saved_is_loaded_also_with_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "reproaudit.lock"
    save(LOCK, path)
    assert load(path) == LOCK
    assert b"\r" not in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load(path) == LOCK
    assert [entry.name for entry in tmp_path.iterdir()] == ["reproaudit.lock"]


def test_a_lock_that_cannot_be_read_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"reproaudit-lock 1\n\xff")
    (tmp_path / "empty").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    found = [code_of(tmp_path / name) for name in (".", "latin", "pipe")]
    assert found == ["lock-unreadable"] * 3
    assert code_of(tmp_path / "none") == "lock-missing"
    assert code_of(tmp_path / "empty") == "lock-corrupt"


def test_a_lock_too_large_to_be_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reproaudit.lock.files.MAX_BYTES", 100)
    save(LOCK, tmp_path / "x")
    assert code_of(tmp_path / "x") == "lock-unreadable"


def test_a_lock_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(UsageError) as caught:
        save(LOCK, tmp_path / "taken")
    assert caught.value.code == "lock-write"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_lock_to_be_made_need_not_be_there(tmp_path: Path) -> None:
    assert load_to_change(tmp_path / "none") == (Lock(), ())


def test_sides_that_do_not_contradict_each_other_are_united(tmp_path: Path) -> None:
    there = replace(RUN, environment=THERE)
    ours, theirs = Entry("a.py", runs=(RUN,)), Entry("a.py", runs=(there,))
    path = conflict(tmp_path / "x", Lock((ours, Entry("b.py", runs=(RUN,)))), Lock((theirs,)))
    assert load_to_change(path) == (
        Lock((replace(ours, runs=(RUN, there)), Entry("b.py", runs=(RUN,)))),
        (),
    )
    assert code_of(path) == "lock-conflict"


def test_what_the_sides_contradict_each_other_about_is_dropped_and_told(tmp_path: Path) -> None:
    other = replace(RUN, tensors=(tensor("w", "1"),))
    there = replace(RUN, environment=THERE)
    path = conflict(
        tmp_path / "x",
        Lock((replace(ENTRY, runs=(RUN, there)),)),
        Lock((replace(ENTRY, runs=(other,)),)),
    )
    found, dropped = load_to_change(path)
    assert found.entries[0].runs == (there,)
    assert [line.split(": ")[1] for line in dropped] == ["1 of 2 environments"]
    path = conflict(tmp_path / "x", Lock((ENTRY,)), Lock((replace(ENTRY, steps=9),)))
    found, dropped = load_to_change(path)
    assert found.entries[0].runs == ()
    assert "different settings or steps" in dropped[0]
    with pytest.raises(UsageError, match="different digests for"):
        save(found, tmp_path / "y")
