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
                run = self._make_changed_run(names, len(runs))
                runs.append(run)
                fault = _find_fault(run)
                if fault:
                    return _make_failed_trial(names, runs, fault)
                # The first run stands for all before the last: they were equal to it.
                if len(runs) > 1 and not self._are_equal(runs[0], run):
                    return _make_failed_trial(names, runs)
                self._time_plain_run()
        except SubjectError as error:
            # An intervention may be what the program does not survive; others are still tried.
            return _make_failed_trial(names, runs, error.message)
        except BudgetSpent:
            if len(runs) < 2:
                raise
            note = f"the budget ended after {len(runs)} of {self._wanted} runs, all equal"
            return _make_failed_trial(names, runs, note)
        return Trial(
            settings=names,
            runs=len(runs),
            is_equal=True,
        )

    def measure_slowdown(self, names: tuple[str, ...]) -> float | None:
        """Return the median of run times with `names` over plain run times, pair by pair.

        None without pairs, or where runs are too short to tell.
        """
        if not self._plain_s:
            return None
        if statistics.median(self._plain_s) < _LEAST_TIMED_S:
            return None
        key = frozenset(names)
        changed = self._changed_s.get(key, [])
        ratios: list[float] = []
        # Pairs were made one right after the other; whichever list is longer has no partners left.
        for changed_s, plain_s in zip(changed, self._plain_s, strict=False):
            ratios.append(changed_s / plain_s)
        if not ratios:
            return None
        return round(statistics.median(ratios), 3)

    def _make_changed_run(self, names: tuple[str, ...], index: int) -> Run:
        name = f"trial-{self._number}-{index}"
        shown = ", ".join(names)
        request = RunRequest(
            name=name,
            index=index,
            what=f"trying {shown}, run {index + 1}",
            interventions=names,
            values_mb=0,
        )
        run = self._lab.run(request)
        key = frozenset(names)
        times = self._changed_s.setdefault(key, [])
        times.append(self._lab.seconds[name])
        return run

    def _time_plain_run(self) -> None:
        """Time the program as it is, the first few times.

        It is done between the runs with interventions, not before them: only run times of the same
        minutes are comparable on a machine that others use too.
        """
        number = len(self._plain_s)
        if number >= _TIMED_PAIRS:
            return
        name = f"plain-{number}"
        request = RunRequest(
            name=name,
            index=0,
            what="timing the program as it is",
            values_mb=0,
        )
        self._lab.run(request)
        seconds = self._lab.seconds[name]
        self._plain_s.append(seconds)

    def _are_equal(self, first: Run, last: Run) -> bool:
        if first.outcome != last.outcome:
            return False
        comparison = compare_boundaries([first, last], self._interned)
        # Where nothing was compared nothing is proven.
        if comparison.compared == 0:
            return False
        return len(comparison.classes) == 1


def _make_failed_trial(
    names: tuple[str, ...],
    runs: Sequence[Run],
    note: str = "",
) -> Trial:
    return Trial(
        settings=names,
        runs=len(runs),
        is_equal=False,
        note=note,
    )


def _find_fault(run: Run) -> str:
    """Return why a run under interventions proves nothing; "" if it does.

    A program that fails, or no longer trains, may well do so alike each time.
    """
    outcome = run.outcome
    if not outcome.is_success:
        ending = outcome.detail or outcome.kind.value
        return f"the program ended otherwise with it: {ending}"
    if run.steps == 0:
        return "the program did not train with it"
    return ""
