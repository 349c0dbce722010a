"""A clock that starts at a fixed instant and ticks once per look, for the program's looks alone."""

from __future__ import annotations

import datetime
import functools
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

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
_time_ns = time.time_ns


class WallClock(Protocol):
    """What tells the time of day, in nanoseconds since 1970."""

    def wall_ns(self) -> int: ...


class ShiftedClock:
    """The real clock, so many seconds on."""

    def __init__(self, seconds: int) -> None:
        self._shift_ns = seconds * _NS_PER_S

    def wall_ns(self) -> int:
        return _time_ns() + self._shift_ns


class _Clock(threading.local):
    """Nanoseconds since the start. A constant would never end `while time.time() < deadline`.

    Each thread has its own: what one thread reads would otherwise depend on how often others have
    looked meanwhile.
    """

    elapsed_ns = 0

    def look(self) -> int:
        self.elapsed_ns += _TICK_NS
        return self.elapsed_ns

    def wall_ns(self) -> int:
        return _START_NS + self.look()

    def skip(self, seconds: float) -> None:
        self.elapsed_ns += int(seconds * _NS_PER_S)


def install(reach: Reach) -> None:
    """Fix what the program reads from time and datetime.

    Libraries keep the real clock, also where the program calls them: their timeouts and caches
    need it.
    """
    clock = _Clock()
    for name in _ELAPSED:
        if hasattr(time, name):  # not every system has thread_time
            reach.patches.replace(time, name, _make_read(reach, clock.look, name))
    reach.patches.replace(time, "sleep", _make_sleep(reach, clock))
    replace_wall_clock(reach, clock)


def replace_wall_clock(reach: Reach, clock: WallClock) -> None:
    """Have the program read the time of day from `clock`; elapsed time stays what it is."""
    patches = reach.patches
    for name in _WALL:
        patches.replace(time, name, _make_read(reach, clock.wall_ns, name))
    for name in ("localtime", "gmtime", "ctime"):
        original = getattr(time, name)
        patches.replace(time, name, _take_seconds(reach, clock, original))
    patches.replace(time, "asctime", _take_tuple(reach, clock, time.asctime, 0))
    patches.replace(time, "strftime", _take_tuple(reach, clock, time.strftime, 1))
    _fix_date(reach, clock)
    _fix_datetime(reach, clock)


def _make_read(reach: Reach, read_ns: Callable[[], int], name: str) -> Callable[[], float]:
    original: Callable[[], float] = getattr(time, name)
    is_in_ns = name.endswith("_ns")

    @functools.wraps(original)
    def read() -> float:
        if not is_for_program(reach):
            return original()
        now = read_ns()
        if is_in_ns:
            return now
        return now / _NS_PER_S

    return read


def _take_seconds(
    reach: Reach, clock: WallClock, original: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a stand-in for a function that takes the present time if it is given none."""

    @functools.wraps(original)
    def take_seconds(seconds: float | None = None, /) -> Any:
        if seconds is None and is_for_program(reach):
            seconds = _wall_s(clock)
        return original(seconds)

    return take_seconds


def _take_tuple(
    reach: Reach, clock: WallClock, original: Callable[..., str], position: int
) -> Callable[..., str]:
    """Return a stand-in for a function whose argument at `position` is a time tuple.

    Without that argument it takes the present time.
    """

    @functools.wraps(original)
    def take_tuple(*args: Any) -> str:
        if len(args) == position and is_for_program(reach):
            now = _localtime(_wall_s(clock))
            args = (*args, now)
        return original(*args)

    return take_tuple


def _wall_s(clock: WallClock) -> float:
    return clock.wall_ns() / _NS_PER_S


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


def _fix_date(reach: Reach, clock: WallClock) -> None:
    date = datetime.date
    real_today = vars(date)["today"]

    @functools.wraps(real_today)
    def today(cls: Any) -> Any:
        if not is_for_program(reach):
            original = real_today.__get__(None, cls)
            return original()
        return cls.fromtimestamp(_wall_s(clock))

    # datetime.today() is this one too: the class inherits it.
    replace_member(reach.patches, date, "today", classmethod(today))


def _fix_datetime(reach: Reach, clock: WallClock) -> None:
    moment = datetime.datetime
    utc = datetime.timezone.utc
    real_now = vars(moment)["now"]
    real_utcnow = vars(moment)["utcnow"]

    @functools.wraps(real_now)
    def now(cls: Any, tz: datetime.tzinfo | None = None) -> Any:
        if not is_for_program(reach):
            original = real_now.__get__(None, cls)
            return original(tz)
        return cls.fromtimestamp(_wall_s(clock), tz)

    @functools.wraps(real_utcnow)
    def utcnow(cls: Any) -> Any:
        if not is_for_program(reach):
            original = real_utcnow.__get__(None, cls)
            return original()
        found = cls.fromtimestamp(_wall_s(clock), utc)
        return found.replace(tzinfo=None)

    replace_member(reach.patches, moment, "now", classmethod(now))
    replace_member(reach.patches, moment, "utcnow", classmethod(utcnow))
