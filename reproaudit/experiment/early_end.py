"""An audit that ends before it is through: what ended it, and whether what was seen answers."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.errors import SubjectError
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.runs.budget import BudgetSpent, RunsSpent
from reproaudit.trace.runs import Run

# What ends an audit early: the user, the time that was given, a run that fails.
ENDS = (KeyboardInterrupt, BudgetSpent, SubjectError)


class EarlyEnd:
    """Whether the audit was cut short. `runs_to_pass`: as many equal runs are ground to pass, where
    it was the time that ended it."""

    def __init__(self, runs_to_pass: int) -> None:
        self.has_come = False
        self._is_time = False
        self._runs_to_pass = runs_to_pass

    def come(self, error: BaseException, when: str) -> NotChecked:
        """Return what is to be said of an end at this time."""
        self.has_come = True
        self._is_time = isinstance(error, BudgetSpent)
        why = f"it was interrupted {when}"
        if isinstance(error, SubjectError):
            why = f"it ended {when}: {error.message}"
        elif isinstance(error, RunsSpent):
            why = f"its runs were spent {when}; --budget gives it more"
        elif self._is_time:
            why = f"its time was over {when}{error}; --budget gives it more"
        return NotChecked(Unchecked.AUDIT_ENDED, "the rest of the audit", why)

    def forbids_to_pass(self, runs: Sequence[Run]) -> bool:
        """Return True if the runs, which are equal, are fewer than were wanted."""
        if not self.has_come:
            return False
        return not self._is_time or len(runs) < self._runs_to_pass


def is_answer(runs: Sequence[Run], error: BaseException, interned: Interned) -> bool:
    """Return True if what the runs show is worth saying, although a further one failed.

    Runs that differ are. Runs that are equal are if it was the user who ended the audit, at once or
    by the time that was given.
    """
    if len(runs) < 2:
        return False
    if not isinstance(error, SubjectError):
        return True
    return len(compare_boundaries(runs, interned).classes) > 1
