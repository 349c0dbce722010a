"""Reads what an audit may cost at most: runs, time, or both."""

from __future__ import annotations

import re

from reproaudit.config.settings import bad_value

Budget = tuple[int | None, float | None]  # runs of the diagnosis, and seconds of the whole audit

_TIME = re.compile(r"(?P<number>[0-9.e+]+)(?P<unit>s|m|min|h)")
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_MOST_S = 1e300  # a number of minutes that is finite may be infinite seconds
_WANTED = '"20", "5m" or "20,5m": runs of the diagnosis, and a time in s, m or h, above 0'


def parse_budget(text: str, called: str = "--budget") -> Budget:
    """Read "40" or "runs=40", "5m" or "minutes=5", or one of each with a comma.

    Return runs and seconds, None for what is not said.
    """
    runs: list[int] = []
    times: list[float] = []
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            value = name
            name = "runs" if value.isdecimal() else "time"
        amount = _read_time(f"{value}m" if name == "minutes" else value)
        if name == "runs" and value.isdecimal() and int(value) > 0:
            runs.append(int(value))
        elif name in ("time", "minutes") and amount is not None:
            times.append(amount)
        else:
            raise bad_value(called, text, _WANTED)
    if len(runs) > 1 or len(times) > 1:
        raise bad_value(called, text, _WANTED)
    return runs[0] if runs else None, times[0] if times else None


def _read_time(text: str) -> float | None:
    """Return the seconds that a number with a unit is; None if it is none, or not above 0."""
    parts = _TIME.fullmatch(text)
    if parts is None:
        return None
    try:
        seconds = float(parts["number"]) * _SECONDS[parts["unit"]]
    except ValueError:
        return None
    return seconds if 0 < seconds <= _MOST_S else None
