"""How many runs, and how much time, a diagnosis may spend."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """What the diagnosis may spend besides the runs that decide the verdict.

    `seconds` None: no bound.
    """

    runs: int = 80
    seconds: float | None = None


class BudgetSpent(Exception):
    """The next run would go past the budget: what is known by now is the answer."""


class Spending:
    """Counts runs and time against a budget, from `start` on; before it nothing is bounded."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._is_counting = False
        self._runs_before = 0
        self._started_s = 0.0

    def start(self, runs_made: int) -> None:
        """Begin to count; `runs_made` have been made before and cost nothing."""
        self._is_counting = True
        self._runs_before = runs_made
        self._started_s = time.monotonic()

    def check(self, runs_made: int) -> None:
        """Raise BudgetSpent if a further run would go past the budget."""
        if not self._is_counting:
            return
        runs = runs_made - self._runs_before
        if runs >= self._budget.runs:
            raise BudgetSpent
        seconds = time.monotonic() - self._started_s
        if self._budget.seconds is not None and seconds >= self._budget.seconds:
            raise BudgetSpent
