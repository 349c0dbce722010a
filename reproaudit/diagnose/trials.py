"""Trying interventions: so many runs that a chance agreement is improbable.

Plain runs in between show what the interventions cost.
"""

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
_LEAST_TIMED_S = 0.2  # ratios of shorter runs, as of repetitions of milliseconds, are noise


class Trials:
    """Runs the program under sets of interventions.

    `class_sizes` are those of the plain runs that differed.
    """

    def __init__(self, lab: RunMaker, class_sizes: Sequence[int], *, interned: Interned) -> None:
        self._interned = interned
        self._lab = lab
        self._wanted = count_trial_runs(class_sizes)
        self._number = 0
        self._plain_s: list[float] = []
        self._changed_s: dict[frozenset[str], list[float]] = {}

    def attempt(self, names: tuple[str, ...]) -> Trial:
        """Make runs with `names` until two differ, or until agreement can be no chance.

        Raises BudgetSpent when the budget ends before the first pair of runs.
        """
        self._number += 1
        runs: list[Run] = []
        try:
            while len(runs) < self._wanted:
                runs.append(self._make_changed_run(names, len(runs)))
                fault = _find_fault(runs[-1])
                if fault:
                    return Trial(names, len(runs), is_equal=False, note=fault)
                # The first run stands for all before the last: they were equal to it.
                if len(runs) > 1 and not self._are_equal(runs[0], runs[-1]):
                    return Trial(names, len(runs), is_equal=False)
                self._time_plain_run()
        except SubjectError as error:
            # An intervention may be what the program does not survive; others are still tried.
            return Trial(names, len(runs), is_equal=False, note=error.message)
        except BudgetSpent:
            if len(runs) < 2:
                raise
            note = f"the budget ended after {len(runs)} of {self._wanted} runs, all equal"
            return Trial(names, len(runs), is_equal=False, note=note)
        return Trial(names, len(runs), is_equal=True)

    def measure_slowdown(self, names: tuple[str, ...]) -> float | None:
        """Return the median of run times with `names` over plain run times, pair by pair.

        None without pairs, or where runs are too short to tell.
        """
        if not self._plain_s or statistics.median(self._plain_s) < _LEAST_TIMED_S:
            return None
        changed = self._changed_s.get(frozenset(names), [])
        pairs = zip(changed, self._plain_s, strict=False)
        ratios = [changed_s / plain_s for changed_s, plain_s in pairs]
        return round(statistics.median(ratios), 3) if ratios else None

    def _make_changed_run(self, names: tuple[str, ...], index: int) -> Run:
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

    def _time_plain_run(self) -> None:
        """Time the program as it is, the first few times.

        It is done between the runs with interventions, not before them: only run times of the same
        minutes are comparable on a machine that others use too.
        """
        if len(self._plain_s) >= _TIMED_PAIRS:
            return
        name = f"plain-{len(self._plain_s)}"
        request = RunRequest(name=name, index=0, what="timing the program as it is", values_mb=0)
        self._lab.run(request)
        self._plain_s.append(self._lab.seconds[name])

    def _are_equal(self, first: Run, last: Run) -> bool:
        comparison = compare_boundaries([first, last], self._interned)
        # Where nothing was compared nothing is proven.
        has_compared = comparison.compared > 0
        return has_compared and len(comparison.classes) == 1 and first.outcome == last.outcome


def _find_fault(run: Run) -> str:
    """Return why a run under interventions proves nothing; "" if it does.

    A program that fails, or no longer trains, may well do so alike each time.
    """
    outcome = run.outcome
    if not outcome.is_success:
        return f"the program ended otherwise with it: {outcome.detail or outcome.kind.value}"
    return "" if run.steps > 0 else "the program did not train with it"
