"""Folders, on file systems that may not answer: whether they are written, and which ones are there.

What touches them runs in a process of its own; this one asks no file system but its own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.doctor.apart import run_apart
from reproaudit.files import require_room

LIMIT_S = 10.0  # for one folder
# Set in the environment, the first of which `tempfile` takes.
_TEMPORARY = ("TMPDIR", "TEMP", "TMP")
_TRY = "from reproaudit.doctor.folders import try_folder; try_folder(sys.argv[1:])"
_TOUCH = "from reproaudit.doctor.folders import touch_folders; touch_folders(sys.argv[1:])"


@dataclass(frozen=True, slots=True)
class Room:
    """A folder that was tried: how many bytes are free there, or what is wrong with it."""

    path: str
    free: int = 0
    fault: str = ""


def find_room(path: str | None, limit_s: float) -> Room:
    """Write into a folder, None for that of temporary files, for at most `limit_s` seconds."""
    ended = run_apart(_TRY, [] if path is None else [path], limit_s)
    if path is None:
        named = [os.environ[name] for name in _TEMPORARY if os.environ.get(name)]
        path = named[0] if named else "/tmp"
    if ended.code is None:
        return Room(path, fault=f"{path} did not answer within {limit_s:g} s")
    if ended.code == 0:
        return Room(**json.loads(ended.last_line))
    return Room(path, fault=f"cannot be written: {ended.last_line}")


def try_folder(words: Sequence[str]) -> None:
    """Print the fields of a Room as JSON, in the other process; end it with what is wrong."""
    try:
        path = words[0] if words else tempfile.gettempdir()
        require_room(path)
        sys.stdout.write(json.dumps({"path": path, "free": shutil.disk_usage(path).free}))
    except OSError as error:
        sys.exit(error.strerror or str(error))


def part_silent(folders: Sequence[str], limit_s: float) -> tuple[list[str], list[str]]:
    """Part folders into those that answer, be they there or not, and those that do not, each within
    `limit_s` seconds."""
    answering: list[str] = []
    silent: list[str] = []
    left = list(folders)
    while left:
        ended = run_apart(_TOUCH, left, limit_s)
        done = len(left) if ended.code == 0 else ended.printed.count("\n")
        answering += left[:done]
        silent += left[done : done + 1]
        left = left[done + 1 :]
    return answering, silent


def touch_folders(folders: Sequence[str]) -> None:
    """Print a line as each folder has answered, in the other process."""
    for folder in folders:
        os.path.isdir(os.path.join(folder, "."))
        sys.stdout.write("\n")
        sys.stdout.flush()
