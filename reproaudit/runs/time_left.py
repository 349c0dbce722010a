"""Owns how long the runs take that are known to come: told from those that are over, or not at
all."""

from __future__ import annotations

from statistics import median

_FEW_S = 10
_FEW_STEPS = 3  # of the run under way, that say how long a step takes
_MINUTE_S = 60
_HOUR_S = 3600


class TimeLeft:
    """Follows one run after the other. Times are seconds of one clock, whichever it is."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._steps: int | None = None
        self._more = 0
        self._first_step: tuple[int, float] | None = None
        self._last_step: tuple[int, float] | None = None
        self._past_s: list[float] = []  # how long the runs before took of which this is the next

    def begin(self, now_s: float, steps: int | None, more: int) -> None:
        """Begin a run of `steps` steps, None if nobody knows, with `more` like it behind it."""
        is_next = self._began_s is not None and self._more > 0 and more == self._more - 1
        if is_next and self._began_s is not None:
            self._past_s.append(now_s - self._began_s)
        else:
            self._past_s.clear()
        self._began_s = now_s
        self._steps = steps
        self._more = more
        self._first_step = self._last_step = None

    def step(self, now_s: float, done: int) -> None:
        """Take note that `done` steps of the run are over."""
        if self._first_step is None:
            self._first_step = (done, now_s)
        self._last_step = (done, now_s)

    def estimate(self, now_s: float) -> float | None:
        """Return the seconds until the last of the runs is over; None if nothing supports a
        number."""
        if self._began_s is None:
            return None
        spent_s = now_s - self._began_s
        left_s = self._estimate_steps()
        if self._past_s:
            whole_s = median(self._past_s)
            left_s = max(whole_s - spent_s, left_s or 0.0)
        elif left_s is not None:
            whole_s = spent_s + left_s
        else:
            return None
        return left_s + self._more * whole_s

    def _estimate_steps(self) -> float | None:
        """Return how long the steps take that are left of the run under way."""
        if self._steps is None or self._first_step is None or self._last_step is None:
            return None
        (first, first_s), (last, last_s) = self._first_step, self._last_step
        if last - first < _FEW_STEPS:
            return None
        return (last_s - first_s) / (last - first) * max(self._steps - last, 0)


def word_time_left(seconds: float | None) -> str:
    """Return `about 2 min left`: no more exact than an estimate is. Empty for None."""
    if seconds is None:
        return ""
    if seconds < _FEW_S:
        return "a few seconds left"
    if seconds < 1.5 * _MINUTE_S:
        return f"about {round(seconds / 10) * 10} s left"
    if seconds < 1.5 * _HOUR_S:
        return f"about {round(seconds / _MINUTE_S)} min left"
    return f"about {round(seconds / _HOUR_S)} h left"
