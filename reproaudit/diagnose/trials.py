"""Trying interventions: so many runs that a chance agreement is improbable.

Plain runs in between show what the interventions cost, and that it is they who make runs equal.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

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

    `class_sizes` are those of the plain runs that differed. `plain_runs` are the runs of the
    program as it is that were made in between, in order.
    """

    def __init__(self, lab: RunMaker, class_sizes: Sequence[int], *, interned: Interned) -> None:
        self._interned = interned
        self._lab = lab
        self.wanted = count_trial_runs(class_sizes)
        self.plain_runs: list[Run] = []
        self._number = 0
        self._plain_s: list[float] = []
        self._changed_s: dict[frozenset[str], list[float]] = {}

    def attempt(self, names: tuple[str, ...]) -> Trial:
        """Make runs with `names` until two differ, or until agreement can be no chance.

        If they are equal, plain runs show whether that is due to `names`. Raises BudgetSpent when
        the budget ends before the first pair of runs.
        """
        self._number += 1
        start = len(self.plain_runs)
        runs: list[Run] = []
        try:
            while len(runs) < self.wanted:
                run = self._make_changed_run(names, len(runs))
                runs.append(run)
                fault = find_fault(run)
                if fault:
                    return _make_failed_trial(names, runs, fault)
                # The first run stands for all before the last: they were equal to it.
                if len(runs) > 1 and not are_equal(runs[0], run, self._interned):
                    return _make_failed_trial(names, runs)
                self._time_plain_run()
        except SubjectError as error:
            # An intervention may be what the program does not survive; others are still tried.
            return _make_failed_trial(names, runs, error.message)
        except BudgetSpent:
            if len(runs) < 2:
                raise
            note = f"the budget ended after {len(runs)} of {self.wanted} runs, all equal"
            return _make_failed_trial(names, runs, note)
        return self._add_control(Trial(settings=names, runs=len(runs), is_equal=True), start)

    def make_plain_run(self) -> Run:
        """Run the program as it is once more."""
        number = len(self.plain_runs)
        request = RunRequest(
            name=f"plain-{number}",
            index=number,
            what="running the program as it is in between",
            values_mb=0,
        )
        run = self._lab.run(request)
        self.plain_runs.append(run)
        return run

    def _add_control(self, trial: Trial, start: int) -> Trial:
        """Say of a trial whether plain runs, those from number `start` on, still differ.

        As many are made as a trial has. If all agree, the program gives equal runs by now whatever
        is changed: what differed at first was left behind by its first runs, or came by chance.
        """
        try:
            while not self._do_plain_runs_differ(start):
                if len(self.plain_runs) - start >= self.wanted:
                    return replace(trial, plain_differ=False)
                self.make_plain_run()
        except BudgetSpent:
            note = "the budget ended before plain runs were compared"
            return replace(trial, note=note)
        except SubjectError as error:
            return replace(trial, note=f"a plain run in between failed: {error.message}")
        return replace(trial, plain_differ=True)

    def _do_plain_runs_differ(self, start: int) -> bool:
        since = self.plain_runs[start:]
        return any(differ(since[0], run, self._interned) for run in since[1:])

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

    def measure_spread(self) -> float | None:
        """Return the longest plain run time over the shortest; None where none was timed."""
        if not self._plain_s or not min(self._plain_s):
            return None
        return round(max(self._plain_s) / min(self._plain_s), 3)

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
        if len(self._plain_s) >= _TIMED_PAIRS:
            return
        name = f"plain-{len(self.plain_runs)}"
        self.make_plain_run()
        self._plain_s.append(self._lab.seconds[name])


def are_equal(first: Run, last: Run, interned: Interned) -> bool:
    """Return True if two runs ended alike, and all that was compared is equal."""
    if first.outcome != last.outcome:
        return False
    comparison = compare_boundaries([first, last], interned)
    # Where nothing was compared nothing is proven.
    if comparison.compared == 0:
        return False
    return len(comparison.classes) == 1


def differ(first: Run, last: Run, interned: Interned) -> bool:
    """Return True if two runs certainly differ; what was said at their end is no part of it.

    Runs that are neither equal nor certainly different are those that nothing was compared of, or
    that ended with other words.
    """
    if (first.outcome.kind, first.outcome.code) != (last.outcome.kind, last.outcome.code):
        return True
    return len(compare_boundaries([first, last], interned).classes) > 1


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


def find_fault(run: Run) -> str:
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
