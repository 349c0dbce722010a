"""Directory listings sorted by name, and constant file times for the program's own looks."""

from __future__ import annotations

import functools
import glob
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from reproaudit.record.hooks.fixed_types import replace_member
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.entropy import is_for_program

_Stat = Callable[..., os.stat_result]

_WRITTEN_S = 1_735_689_600  # 2025-01-01 00:00 UTC, when the clock starts that another repair fixes
_NS_PER_S = 1_000_000_000
# Where in a stat_result the three times in whole seconds begin and end.
_ATIME = 7
_CTIME = 9
_TIME_FIELDS = ("st_atime", "st_mtime", "st_ctime", "st_birthtime")


def install(reach: Reach) -> None:
    """Sort listings and fix file times.

    Sorting os.listdir and os.scandir also sorts glob, pathlib and os.walk.
    """
    order_listings(reach.patches)
    _fix_times(reach)


class _Entries:
    """What os.scandir returns, in order: an iterator that closes itself or is closed."""

    def __init__(self, entries: Iterable[os.DirEntry[Any]]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[os.DirEntry[Any]]:
        return self

    def __next__(self) -> os.DirEntry[Any]:
        return next(self._entries)

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())


def order_listings(
    patches: Patches, *, key: Callable[[Any], Any] | None = None, is_reversed: bool = False
) -> None:
    """Have names come in the order of their keys, or of themselves."""

    def find_key(entry: os.DirEntry[Any]) -> Any:
        return entry.name if key is None else key(entry.name)

    real_listdir = os.listdir
    real_scandir = os.scandir

    @functools.wraps(real_listdir)
    def listdir(path: Any = None) -> list[Any]:
        return sorted(real_listdir(path), key=key, reverse=is_reversed)

    @functools.wraps(real_scandir)
    def scandir(path: Any = None) -> _Entries:
        with real_scandir(path) as entries:
            return _Entries(sorted(entries, key=find_key, reverse=is_reversed))

    patches.replace_in_os("listdir", listdir)
    patches.replace_in_os("scandir", scandir)
    # They keep the functions of `os` from the time of their own import: Python 3.10's and 3.13's
    # ways of listing.
    accessor = getattr(pathlib, "_NormalAccessor", None)
    globber = getattr(glob, "_StringGlobber", None)
    for owner in (accessor, globber):
        if owner is None:
            continue
        if "listdir" in vars(owner):
            patches.replace(owner, "listdir", staticmethod(listdir))
        if "scandir" in vars(owner):
            patches.replace(owner, "scandir", staticmethod(scandir))


def _fix_times(reach: Reach) -> None:
    patches = reach.patches
    for name in ("stat", "lstat", "fstat"):
        stat = getattr(os, name)
        patches.replace_in_os(name, _fix_times_of(reach, stat))
    for owner, name in ((pathlib.Path, "stat"), (pathlib.Path, "lstat"), (os.DirEntry, "stat")):
        stat = getattr(owner, name)
        replace_member(patches, owner, name, _fix_times_of(reach, stat))
    for name in ("getatime", "getmtime", "getctime"):
        get_time = getattr(os.path, name)
        patches.replace(os.path, name, _fix_time_of(reach, get_time))


def _fix_times_of(reach: Reach, original: _Stat) -> _Stat:
    @functools.wraps(original)
    def stat(*args: Any, **kwargs: Any) -> os.stat_result:
        status = original(*args, **kwargs)
        # Python's own modules keep the truth: caches of code and of lines live by it.
        if not is_for_program(reach):
            return status
        return _with_fixed_times(status)

    return stat


def _with_fixed_times(status: os.stat_result) -> os.stat_result:
    # The type, and what makes it again: ten numbers, and more fields by name. There is no other way
    # to the fields that only this system has.
    reduced: Any = status.__reduce__()
    numbers, named = reduced[1]
    times = (_WRITTEN_S, _WRITTEN_S, _WRITTEN_S)
    numbers = (*numbers[:_ATIME], *times, *numbers[_CTIME + 1 :])
    fixed = dict(named)
    for name in named:
        if not name.startswith(_TIME_FIELDS):
            continue
        if name.endswith("_ns"):
            fixed[name] = _WRITTEN_S * _NS_PER_S
        else:
            fixed[name] = float(_WRITTEN_S)
    return os.stat_result(numbers, fixed)


def _fix_time_of(reach: Reach, original: Callable[..., float]) -> Callable[..., float]:
    @functools.wraps(original)
    def time(filename: Any) -> float:
        found = original(filename)  # raises if there is no such file
        if not is_for_program(reach):
            return found
        return float(_WRITTEN_S)

    return time
