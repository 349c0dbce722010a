"""How many runs, and how much time, an audit may spend."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent: so many runs besides those that decide the verdict, and so much time.

    `seconds` None: no bound.
    """

    runs: int = 80
    seconds: float | None = None


class BudgetSpent(Exception):
    """A run would go past the budget: what is known by now is the answer.

    As text it says how the last run ended, to be put behind "the budget was spent".
    """


class RunsSpent(BudgetSpent):
    """So many runs were made as may be; there may be time left."""


class StoppedUnderWay(BudgetSpent):
    """A run went past the budget and was ended."""

    def __str__(self) -> str:
        return ", and the run under way was stopped"


class Spending:
    """Counts runs and time against a budget; before `start` or `bound_time` nothing is bounded.

    Time counts from `start_clock` on, or else from `start` on.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._is_counting = False
        self._is_time_bound = False
        self._runs_before = 0
        self._started_s: float | None = None

    def start_clock(self) -> None:
        """Let time count from here on."""
        self._started_s = time.monotonic()

    def bound_time(self) -> None:
        """Let no run begin after the time, and none go on; runs are not bounded yet."""
        self._is_time_bound = True

    def start(self, runs_made: int) -> None:
        """Begin to count; `runs_made` have been made before and cost nothing."""
        self._is_counting = True
        self._runs_before = runs_made
        if self._started_s is None:
            self.start_clock()
        self.bound_time()

    def check(self, runs_made: int) -> None:
        """Raise BudgetSpent if a further run would go past the budget."""
        runs = runs_made - self._runs_before
        if self._is_counting and runs >= self._budget.runs:
            raise RunsSpent
        left_s = self.measure_left()
        if left_s is not None and left_s <= 0:
            raise BudgetSpent

    def find_rest(self, runs_made: int) -> Budget:
        """Return what is left of the budget."""
        spent = runs_made - self._runs_before if self._is_counting else 0
        return Budget(max(self._budget.runs - spent, 0), self.measure_left())

    def measure_left(self) -> float | None:
        """Return how many seconds are left; None while time is not bounded."""
        if self._budget.seconds is None or self._started_s is None or not self._is_time_bound:
            return None
        return self._budget.seconds - (time.monotonic() - self._started_s)

    def cut(self, timeout_s: float | None) -> float | None:
        """Return the time after which a run is ended: `timeout_s`, or what is left if that is
        less."""
        left_s = self.measure_left()
        if left_s is None or (timeout_s is not None and timeout_s <= left_s):
            return timeout_s
        return max(left_s, 0.0)
