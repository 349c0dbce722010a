"""A clock that lies some way from the real one, for the program's looks alone."""

from __future__ import annotations

import re

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.clocks import ShiftedClock, replace_wall_clock
from reproaudit.record.variations.hold import Hold

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DISTANCE = re.compile(r"([+-]\d+)([dhms])")


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Shift the time of day by a distance such as "+1day-2hours"."""
    seconds = sum(int(count) * _SECONDS[unit] for count, unit in _DISTANCE.findall(value))
    replace_wall_clock(reach, ShiftedClock(seconds))
