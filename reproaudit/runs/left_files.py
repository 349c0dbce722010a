"""Which files a run has written in those that it was lent."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from reproaudit.runs.copied_files import BYTECODE, GIT

# When a file was written last, its size, and which file it is: one that is replaced may be alike.
Written = tuple[int, int, int]
_PASSED_OVER = frozenset({BYTECODE, GIT})


def list_files(folder: Path) -> dict[str, Written]:
    """Return the regular files below a folder by their paths, relative to it.

    Bytecode and what git keeps are none of a program's. Links are not followed.
    """
    found: dict[str, Written] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _PASSED_OVER]
        for name in names:
            path = os.path.join(place, name)
            try:
                status = os.lstat(path)
            except OSError:  # what the program started may still be at work
                continue
            if stat.S_ISREG(status.st_mode):
                written = (status.st_mtime_ns, status.st_size, status.st_ino)
                found[os.path.relpath(path, folder)] = written
    return found


def find_written(before: Mapping[str, Written], after: Mapping[str, Written]) -> tuple[str, ...]:
    """Return the files that are new or were written since, the newest last."""
    changed = [path for path, written in after.items() if before.get(path) != written]
    return tuple(sorted(changed, key=lambda path: (after[path][0], path)))
