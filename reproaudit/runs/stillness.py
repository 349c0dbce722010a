"""Whether anything moves in a run: processor time of its processes, its trace, what it prints.

Linux only: elsewhere a run is never found to stand still.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from reproaudit.runs.processes import PROC, list_children, read_fields

LOOK_S = 1.0
# A program that waits for ever may still wake up now and then to look around.
_IDLE_SHARE = 0.02
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Stillness:
    """Watches the run of process `pid`; `places` are the files and folders that it writes.

    `longest_s` is the longest time in which nothing moved.
    """

    def __init__(self, pid: int, places: Sequence[Path]) -> None:
        self._pid = pid
        self._places = places
        self._looked = time.monotonic()
        self._since = self._looked
        self._processor_s = 0.0
        self._size = 0
        self.longest_s = 0.0

    def measure(self) -> float:
        """Return for how many seconds nothing has moved. Looks at most once in LOOK_S seconds."""
        now = time.monotonic()
        if now - self._looked >= LOOK_S:
            self._looked = now
            self._look(now)
        return now - self._since

    def _look(self, now: float) -> None:
        used_s = measure_processor_time(self._pid)
        size = sum(_measure_size(place) for place in self._places)
        # Children that have ended without being waited for take their time with them.
        has_worked = used_s < self._processor_s
        has_worked |= used_s - self._processor_s > _IDLE_SHARE * (now - self._since)
        if has_worked or size != self._size or not PROC.is_dir():
            self._since = now
            self._processor_s = used_s
            self._size = size
        self.longest_s = max(self.longest_s, now - self._since)


def measure_processor_time(pid: int) -> float:
    """Return the seconds of processor time of a process and of those below it that live."""
    return sum(_read_times(each) for each in _list_tree(pid))


def _list_tree(pid: int) -> Iterator[int]:
    yield pid
    for child in list_children(pid):
        yield from _list_tree(child)


def _read_times(pid: int) -> float:
    """Return the processor time of one process, and of its children that it has waited for."""
    ticks = sum(int(field) for field in read_fields(pid)[11:15])
    return ticks / _TICKS


def _measure_size(place: Path) -> int:
    try:
        if not place.is_dir():
            return place.stat().st_size
        # A process that the run has started writes into a folder of its own.
        return sum(each.stat().st_size for each in place.rglob("*"))
    except OSError:
        return 0
