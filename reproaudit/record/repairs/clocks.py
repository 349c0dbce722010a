"""A clock that starts at a fixed instant and ticks once per look, for the program's looks alone."""

from __future__ import annotations

import datetime
import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from reproaudit.record.hooks.fixed_types import replace_member
from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.entropy import is_for_program

_START_NS = 1_735_689_600_000_000_000  # 2025-01-01 00:00 UTC
_TICK_NS = 1_000_000
_NS_PER_S = 1_000_000_000
_WALL = ("time", "time_ns")
_ELAPSED = (
    "perf_counter",
    "perf_counter_ns",
    "monotonic",
    "monotonic_ns",
    "process_time",
    "process_time_ns",
    "thread_time",
    "thread_time_ns",
)
_localtime = time.localtime


class _Clock(threading.local):
    """Nanoseconds since the start. A constant would never end `while time.time() < deadline`.

    Each thread has its own: what one thread reads would otherwise depend on how often others have
    looked meanwhile.
    """

    elapsed_ns = 0

    def look(self) -> int:
        self.elapsed_ns += _TICK_NS
        return self.elapsed_ns

    def wall_s(self) -> float:
        return (_START_NS + self.look()) / _NS_PER_S

    def skip(self, seconds: float) -> None:
        self.elapsed_ns += int(seconds * _NS_PER_S)


def install(reach: Reach) -> None:
    """Fix what the program reads from time and datetime.

    Libraries keep the real clock, also where the program calls them: their timeouts and caches
    need it.
    """
    clock = _Clock()
    patches = reach.patches
    for name in (*_WALL, *_ELAPSED):
        if hasattr(time, name):  # not every system has thread_time
            patches.replace(time, name, _make_read(reach, clock, name))
    for name in ("localtime", "gmtime", "ctime"):
        original = getattr(time, name)
        patches.replace(time, name, _take_seconds(reach, clock, original))
    patches.replace(time, "asctime", _take_tuple(reach, clock, time.asctime, 0))
    patches.replace(time, "strftime", _take_tuple(reach, clock, time.strftime, 1))
    patches.replace(time, "sleep", _make_sleep(reach, clock))
    _fix_date(reach, clock)
    _fix_datetime(reach, clock)


def _make_read(reach: Reach, clock: _Clock, name: str) -> Callable[[], float]:
    original: Callable[[], float] = getattr(time, name)
    start = _START_NS if name in _WALL else 0
    is_in_ns = name.endswith("_ns")

    @functools.wraps(original)
    def read() -> float:
        if not is_for_program(reach):
            return original()
        now = start + clock.look()
        if is_in_ns:
            return now
        return now / _NS_PER_S

    return read


def _take_seconds(reach: Reach, clock: _Clock, original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a stand-in for a function that takes the present time if it is given none."""

    @functools.wraps(original)
    def take_seconds(seconds: float | None = None, /) -> Any:
        if seconds is None and is_for_program(reach):
            seconds = clock.wall_s()
        return original(seconds)

    return take_seconds


def _take_tuple(
    reach: Reach, clock: _Clock, original: Callable[..., str], position: int
) -> Callable[..., str]:
    """Return a stand-in for a function whose argument at `position` is a time tuple.

    Without that argument it takes the present time.
    """

    @functools.wraps(original)
    def take_tuple(*args: Any) -> str:
        if len(args) == position and is_for_program(reach):
            now = _localtime(clock.wall_s())
            args = (*args, now)
        return original(*args)

    return take_tuple


def _make_sleep(reach: Reach, clock: _Clock) -> Callable[[float], None]:
    original = time.sleep

    @functools.wraps(original)
    def sleep(seconds: float, /) -> None:
        original(seconds)
        if is_for_program(reach):
            # So a loop that waits for an hour by naps of a second takes no longer than it would.
            clock.skip(seconds)

    return sleep


# The originals are not taken by attribute access below, which would bind them to their class: a
# subclass's own call must give an instance of the subclass.


def _fix_date(reach: Reach, clock: _Clock) -> None:
    date = datetime.date
    real_today = vars(date)["today"]

    @functools.wraps(real_today)
    def today(cls: Any) -> Any:
        if not is_for_program(reach):
            original = real_today.__get__(None, cls)
            return original()
        return cls.fromtimestamp(clock.wall_s())

    # datetime.today() is this one too: the class inherits it.
    replace_member(reach.patches, date, "today", classmethod(today))


def _fix_datetime(reach: Reach, clock: _Clock) -> None:
    moment = datetime.datetime
    utc = datetime.timezone.utc
    real_now = vars(moment)["now"]
    real_utcnow = vars(moment)["utcnow"]

    @functools.wraps(real_now)
    def now(cls: Any, tz: datetime.tzinfo | None = None) -> Any:
        if not is_for_program(reach):
            original = real_now.__get__(None, cls)
            return original(tz)
        return cls.fromtimestamp(clock.wall_s(), tz)

    @functools.wraps(real_utcnow)
    def utcnow(cls: Any) -> Any:
        if not is_for_program(reach):
            original = real_utcnow.__get__(None, cls)
            return original()
        found = cls.fromtimestamp(clock.wall_s(), utc)
        return found.replace(tzinfo=None)

    replace_member(reach.patches, moment, "now", classmethod(now))
    replace_member(reach.patches, moment, "utcnow", classmethod(utcnow))
