"""Where a program sets another number of threads in one run than in another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from reproaudit.model.events import Change, Location
from reproaudit.trace.runs import Run


@dataclass(frozen=True, slots=True)
class ThreadSetting:
    """The first setting of the number of threads that two runs do not share; `line` may be unknown.

    `first` and `second` are the numbers from there on, "" where that run never sets one.
    """

    first: str
    second: str
    line: Location | None


def find_other_setting(a: Run, b: Run) -> ThreadSetting | None:
    """Return the first number of threads that one run sets and the other does not; None if none."""
    first = second = ""
    for one, other in zip_longest(_list_settings(a), _list_settings(b)):
        # To set the number that is set already changes nothing, and is not recorded.
        first = one.after if one is not None else first
        second = other.after if other is not None else second
        known = one or other
        if first != second and known is not None:
            return ThreadSetting(first, second, known.location)
    return None


def word_setting(setting: ThreadSetting) -> str:
    """Say what the two runs set."""
    if setting.first and setting.second:
        return f"from there on one run has {setting.first} threads and the other {setting.second}"
    only = setting.first or setting.second
    return f"only one run sets the number of threads, to {only}"


def _list_settings(run: Run) -> list[Change]:
    return [change for change in run.main.changes if change.what == "threads"]
