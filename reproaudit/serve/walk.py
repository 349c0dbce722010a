"""Owns the way through a folder: its files and those below, within bounds, without a symbolic
link."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DEEPEST = 8  # folders below the first
_MOST_ENTRIES = 20_000  # of all folders together

# Of a file: it has another one once it was written anew.
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class File:
    """A regular file; `name` is its path below the folder that was looked through, `written_s` when
    it was written, in seconds since 1970."""

    name: str
    stamp: Stamp
    written_s: float


@dataclass(frozen=True, slots=True)
class Unopened:
    """A folder that cannot be looked into."""

    name: str
    why: str


class Walk:
    """What is in a folder and below, the nearest first and each folder by name.

    `is_cut` afterwards: there is more than was looked at.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._left = _MOST_ENTRIES
        self.is_cut = False

    def __iter__(self) -> Iterator[File | Unopened]:
        """Raise OSError if the first folder itself cannot be read."""
        waiting = deque([("", 0)])
        while waiting:
            folder, depth = waiting.popleft()
            try:
                entries = self._list(folder)
            except OSError as error:
                if not folder:
                    raise
                yield Unopened(folder, error.strerror or "it cannot be read")
                continue
            for entry in entries:
                name = os.path.join(folder, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    if depth < _DEEPEST:
                        waiting.append((name, depth + 1))
                    else:
                        self.is_cut = True
                elif entry.is_file(follow_symlinks=False):
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:  # since the folder was listed
                        continue
                    yield File(name, make_stamp(status), status.st_mtime)

    def _list(self, folder: str) -> list[os.DirEntry[str]]:
        found = []
        with os.scandir(self._root / folder) as entries:
            for entry in entries:
                if not self._left:
                    self.is_cut = True
                    break
                self._left -= 1
                found.append(entry)
        return sorted(found, key=lambda entry: entry.name)


def make_stamp(status: os.stat_result) -> Stamp:
    """Return what changes when a file is written anew."""
    return status.st_mtime_ns, status.st_size, status.st_ino
