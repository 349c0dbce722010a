"""Trying interventions: enough runs that a chance agreement is improbable, beside plain runs that
tell the cost."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.interning import Interned
from reproaudit.errors import SubjectError
from reproaudit.model.confidence import count_trial_runs
from reproaudit.model.result import Trial
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

_TIMED_PAIRS = 3
_LEAST_TIMED_S = 0.2


class Trials:
    """Runs the program under sets of interventions. `class_sizes` are those of the plain runs that
    differed."""

    def __init__(self, lab: RunMaker, class_sizes: Sequence[int], *, interned: Interned) -> None:
        self._interned = interned
        self._lab = lab
        self._wanted = count_trial_runs(class_sizes)
        self._number = 0
        self._plain_s: list[float] = []
        self._changed_s: dict[frozenset[str], list[float]] = {}

    def attempt(self, names: tuple[str, ...]) -> Trial:
        """Make runs with `names` until two differ, or until they are so many that they do not agree
        by chance.

        Raises BudgetSpent when the budget ends before the first pair of runs.
        """
        self._number += 1
        runs: list[Run] = []
        try:
            while len(runs) < self._wanted:
                runs.append(self._changed_run(names, len(runs)))
                if fault := _fault(runs[-1]):
                    return Trial(names, len(runs), False, fault)
                if len(runs) > 1 and not self._are_equal(runs):
                    return Trial(names, len(runs), False)
                self._plain_run()
        except SubjectError as error:
            return Trial(names, len(runs), False, error.message)
        except BudgetSpent:
            if len(runs) < 2:
                raise
            note = f"the budget ended after {len(runs)} of {self._wanted} runs, all equal"
            return Trial(names, len(runs), False, note)
        return Trial(names, len(runs), True)

    def slowdown(self, names: tuple[str, ...]) -> float | None:
        """Return the median of run times with `names` over plain run times, pair by pair; None
        without pairs."""
        changed = self._changed_s.get(frozenset(names), [])
        if self._plain_s and statistics.median(self._plain_s) < _LEAST_TIMED_S:
            return None  # repetitions of milliseconds, whose ratios are noise
        pairs = list(zip(changed, self._plain_s, strict=False))
        return (
            round(statistics.median(with_s / without_s for with_s, without_s in pairs), 3)
            if pairs
            else None
        )

    def _changed_run(self, names: tuple[str, ...], index: int) -> Run:
        name = f"trial-{self._number}-{index}"
        request = RunRequest(
            name=name,
            index=index,
            what=f"trying {', '.join(names)}, run {index + 1}",
            interventions=names,
            values_mb=0,
        )
        run = self._lab.run(request)
        self._changed_s.setdefault(frozenset(names), []).append(self._lab.seconds[name])
        return run

    def _plain_run(self) -> None:
        """Time the program as it is in between, a few times: only runs of the same minutes are
        comparable."""
        if len(self._plain_s) < _TIMED_PAIRS:
            name = f"plain-{len(self._plain_s)}"
            self._lab.run(
                RunRequest(name=name, index=0, what="timing the program as it is", values_mb=0)
            )
            self._plain_s.append(self._lab.seconds[name])

    def _are_equal(self, runs: Sequence[Run]) -> bool:
        first, last = runs[0], runs[-1]
        comparison = compare_boundaries([first, last], self._interned)
        return (
            len(comparison.classes) == 1
            and first.outcome == last.outcome
            and comparison.compared > 0
        )


def _fault(run: Run) -> str:
    """Say why a run under interventions is no witness: it failed, or did not train. Empty if all is
    well."""
    if not run.outcome.is_success:
        return (
            f"the program ended otherwise with it: {run.outcome.detail or run.outcome.kind.value}"
        )
    return "" if run.steps > 0 else "the program did not train with it"
