"""Temporary folders of audits: each says whose it is, and goes with the next audit if its owner
was killed."""

from __future__ import annotations

import json
import os
import platform
import shutil
import stat
import tempfile
from pathlib import Path

from reproaudit.errors import UsageError
from reproaudit.runs.processes import PROC, read_start

PREFIX = "reproaudit-"
_OWNER_FILE = "owner.json"
_MOST_BYTES = 4096


def make_temporary_folder(again: Path | None = None) -> Path:
    """Make a folder that is this process's, and clear those whose owner is gone.

    It is made at the place of an earlier one, `again`, if nothing lies there. Raises UsageError
    where there is no room for one.
    """
    folder: Path | None = None
    try:
        clear_abandoned(Path(tempfile.gettempdir()))
        folder = _make_again(again) or Path(tempfile.mkdtemp(prefix=PREFIX))
        (folder / _OWNER_FILE).write_text(json.dumps(_describe_owner()), encoding="utf-8")
    except OSError as error:
        if folder is not None:
            # Without its owner's name in it nobody would ever clear it.
            shutil.rmtree(folder, ignore_errors=True)
        raise UsageError(
            f"cannot make a folder for the traces: {error.strerror}",
            code="trace-unwritable",
            hint="name one with --out DIR, or another temporary folder with TMPDIR",
        ) from None
    return folder


def _make_again(folder: Path | None) -> Path | None:
    if folder is None:
        return None
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return None
    return folder


def give_away(folder: Path) -> None:
    """Keep the folder when this process is gone: the user was told of it."""
    (folder / _OWNER_FILE).unlink(missing_ok=True)


def clear_abandoned(parent: Path) -> None:
    """Remove the folders in `parent` whose owner is known to be gone."""
    for folder in parent.glob(f"{PREFIX}*"):
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    try:
        status = folder.lstat()
        # A folder of somebody else may say what it likes.
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            return False
        file = folder / _OWNER_FILE
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as opened:
            owner = json.loads(opened.read(_MOST_BYTES))
        return owner["where"] == _describe_place() and not _is_alive(owner["pid"], owner["start"])
    except (OSError, ValueError, OverflowError, RecursionError, KeyError, TypeError):
        return False  # nobody's, or being made or removed just now


def _is_alive(pid: int, start: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A later process may have been given the number. Where starts are not known, it is the same.
    return not start or read_start(pid) == start


def _describe_owner() -> dict[str, object]:
    pid = os.getpid()
    return {"pid": pid, "start": read_start(pid), "where": _describe_place()}


def _describe_place() -> list[str]:
    """Say where a number of a process means the same process.

    A temporary folder may be shared by machines, and by containers of one machine.
    """
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return [platform.node(), boot, os.readlink(PROC / "self/ns/pid")]
    except OSError:
        return [platform.node()]
