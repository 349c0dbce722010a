"""How long a run may take and stand still, learned from the runs before it."""

from __future__ import annotations

from pathlib import Path

from reproaudit.config.subject import SubjectSpec
from reproaudit.errors import SubjectError
from reproaudit.knowledge.interventions import find
from reproaudit.model.events import Level, Unchecked
from reproaudit.runs.log import tail
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run

# A run of a changed program may take this many times as long as the slowest run so far; and so many
# times if what is changed makes programs slower, or if it records more.
SLOWEST = 5.0
_SLOWEST_UNLIKE = 10.0
LEAST_TIMEOUT_S = 20.0
# If it records more, or compiles anew.
_LEAST_UNLIKE_TIMEOUT_S = 60.0
# Nothing may move in it for as long as that, and as many times the longest rest of a plain run.
_LEAST_STILL_S = 10.0
_STILLEST = 5.0


class Limits:
    """The limits of one subject's runs. With `timeout_s` all have that one."""

    def __init__(self, subject: SubjectSpec, timeout_s: float | None) -> None:
        self._subject = subject
        self._given_s = timeout_s
        self._still_s: float | None = None  # the longest rest of a plain run
        self._slowest_s = 0.0  # of the runs that ended by themselves and record no operators
        self._compiles = False

    def timeout_of(self, request: RunRequest) -> float | None:
        """Return after how many seconds the run is ended, None for never."""
        if self._given_s is not None or not request.is_changed or not self._slowest_s:
            return self._given_s
        if request.level is not Level.BOUNDARY or self._compiles:
            return round(max(_LEAST_UNLIKE_TIMEOUT_S, _SLOWEST_UNLIKE * self._slowest_s))
        parts = [find(name).acts_on for name in request.interventions]
        factor = SLOWEST
        if any(part.changes_speed for part in parts):
            factor = _SLOWEST_UNLIKE
        return round(max(LEAST_TIMEOUT_S, factor * self._slowest_s))

    def still_limit_of(self, request: RunRequest) -> float | None:
        """Return for how long nothing may move in the run, None for ever."""
        if self._still_s is None or not request.is_changed:
            return None
        return max(_LEAST_STILL_S, _STILLEST * self._still_s)

    def learn_rest(self, request: RunRequest, still_s: float) -> None:
        """Take over for how long nothing has moved in a run, however it ended."""
        if not request.is_changed:
            self._still_s = max(self._still_s or 0.0, still_s)

    def learn_time(self, request: RunRequest, seconds: float) -> None:
        """Take over how long a run took that ended by itself."""
        if request.level is Level.BOUNDARY:
            self._slowest_s = max(self._slowest_s, seconds)

    def learn_compiling(self, run: Run) -> None:
        """Take over whether the program compiles."""
        codes = {note.code for note in run.main.notes}
        self._compiles = self._compiles or Unchecked.COMPILED_REGIONS in codes

    def make_timeout_error(self, timeout_s: float | None, log: Path | None) -> SubjectError:
        """Return the error for a run that went past its limit."""
        advice = "raise --timeout, or audit fewer steps with --steps"
        message = f"{self._subject} did not end within {timeout_s:g} s"
        if self._given_s is None:
            message += f", though no run that ended took longer than {self._slowest_s:.0f} s"
        return SubjectError(
            message,
            code="subject-timeout",
            hint=f"{advice}; its last output:\n{tail(log)}",
        )

    def make_stillness_error(
        self, still_s: float, seconds: float, log: Path | None
    ) -> SubjectError:
        """Return the error for a run in which nothing moved any more."""
        return SubjectError(
            f"{self._subject} stood still for {still_s:.0f} s and was ended after "
            f"{seconds:.0f} s: it waits for something that does not come",
            code="subject-timeout",
            hint=f"its last output:\n{tail(log)}",
        )
