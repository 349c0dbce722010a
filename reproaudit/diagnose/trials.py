"""Trying interventions: so many runs that a chance agreement is improbable.

That it is the interventions who make runs equal is shown by plain runs that differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.under_way import DifferenceWatch
from reproaudit.diagnose.denied import Doubt, Doubts
from reproaudit.diagnose.flag_runs import FlagRuns
from reproaudit.diagnose.plain_runs import PlainRuns
from reproaudit.errors import SubjectError
from reproaudit.model.result import Trial
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run


class Trials:
    """Runs the program under sets of interventions; `plain` says how it is without.

    `doubts` says why equal runs with a set would prove less than usual. If the program fails under
    the determinism flag, `flag` may have it refuse less.
    """

    def __init__(
        self,
        lab: RunMaker,
        plain: PlainRuns,
        *,
        interned: Interned,
        doubts: Doubts | None = None,
        flag: FlagRuns | None = None,
    ) -> None:
        self._interned = interned
        self._lab = lab
        self._doubts = doubts
        self._flag = flag
        self._wanted = plain.wanted
        self.plain = plain
        self.doubted: list[tuple[str, ...]] = []  # sets whose equal runs may well be chance
        self._number = 0
        self._changed_s: dict[frozenset[str], list[float]] = {}
        self._equal: dict[frozenset[str], Run] = {}

    def attempt(self, names: tuple[str, ...]) -> Trial:
        """Make runs with `names` until two differ, or until agreement can be no chance.

        If they are equal, plain runs show whether that is due to `names`. Where the documentation
        denies that, more may be needed; if it would take too many, equal runs are no proof. Raises
        BudgetSpent when the budget ends before the first pair of runs.
        """
        self._number += 1
        start = len(self.plain.made)
        runs: list[Run] = []
        doubt = self._find_doubt(names)
        self._wanted = self.count_needed(names)
        try:
            while len(runs) < self._wanted:
                run = self._make_changed_run(names, runs)
                runs.append(run)
                fault = find_fault(run)
                if fault and self._refuses_less_now(names, fault):
                    return self.attempt(names)
                if fault:
                    return _make_failed_trial(names, runs, fault)
                # The first run stands for all before the last: they were equal to it.
                if len(runs) > 1 and not are_equal(runs[0], run, self._interned):
                    return _make_failed_trial(names, runs)
                self.plain.time()
        except SubjectError as error:
            # An intervention may be what the program does not survive; others are still tried.
            return _make_failed_trial(names, runs, error.message)
        except BudgetSpent:
            if len(runs) < 2:
                raise
            note = f"the budget ended after {len(runs)} of {self._wanted} runs, all equal"
            return _make_failed_trial(names, runs, note)
        trial = Trial(settings=names, runs=len(runs), is_equal=True)
        if doubt is not None and doubt.runs is None:
            self.doubted.append(names)
            return replace(trial, note=doubt.why)
        self._equal[frozenset(names)] = runs[0]
        if self.plain.still_differ(runs[0]):
            return replace(trial, plain_differ=True)
        return self._add_control(trial, start)

    def count_needed(self, names: Sequence[str]) -> int:
        """Return how many runs with these interventions must be equal for that to be no chance."""
        doubt = self._find_doubt(names)
        if doubt is None or doubt.runs is None:
            return self.plain.wanted
        return max(self.plain.wanted, doubt.runs)

    def _find_doubt(self, names: Sequence[str]) -> Doubt | None:
        return self._doubts.find(names) if self._doubts is not None else None

    def _refuses_less_now(self, names: tuple[str, ...], fault: str) -> bool:
        if self._flag is None or not self._flag.fall_back(names, fault):
            return False
        # What those runs took is not what the next ones do.
        self._changed_s.pop(frozenset(names), None)
        return True

    def find_equal_run(self, names: Iterable[str]) -> Run | None:
        """Return one of the equal runs with these interventions; None if they were not equal."""
        return self._equal.get(frozenset(names))

    def _add_control(self, trial: Trial, start: int) -> Trial:
        """Say of a trial whether plain runs, those from number `start` on, still differ.

        As many are made as a trial has. If all agree, the program gives equal runs by now whatever
        is changed: what differed at first was left behind by its first runs, or came by chance.
        """
        try:
            while not self._do_plain_runs_differ(start):
                if len(self.plain.made) - start >= self.plain.wanted:
                    return replace(trial, plain_differ=False)
                self.plain.make()
        except BudgetSpent:
            note = "the budget ended before plain runs were compared"
            return replace(trial, note=note)
        except SubjectError as error:
            return replace(trial, note=f"a plain run in between failed: {error.message}")
        return replace(trial, plain_differ=True)

    def _do_plain_runs_differ(self, start: int) -> bool:
        since = self.plain.made[start:]
        return any(differ(since[0], run, self._interned) for run in since[1:])

    def measure_slowdown(self, names: Iterable[str]) -> float | None:
        """Return the time of runs with `names` over that of plain ones; None if it is unknown."""
        return self.plain.measure_slowdown(self._changed_s.get(frozenset(names), ()))

    def _make_changed_run(self, names: tuple[str, ...], earlier: Sequence[Run]) -> Run:
        index = len(earlier)
        # Once a run has differed from the first it proves nothing more.
        is_over = DifferenceWatch(earlier[0], self._interned) if earlier else None
        request = replace(self._request(names, index), is_over=is_over)
        if index + 1 < self._wanted:
            request = replace(request, following=self._request(names, index + 1))
        run = self._lab.run(request)
        # Of one that was stopped for that, the time says nothing.
        if not earlier or run.steps == earlier[0].steps:
            times = self._changed_s.setdefault(frozenset(names), [])
            times.append(self._lab.seconds[request.name])
        return run

    def _request(self, names: tuple[str, ...], index: int) -> RunRequest:
        """Return the request of a run with `names`; all but the first may be stopped early."""
        return RunRequest(
            name=f"trial-{self._number}-{index}",
            index=index,
            what=f"trying {', '.join(names)}, run {index + 1}",
            more=max(self._wanted - index - 1, 0),
            interventions=names,
            values_mb=0,
            is_over=_is_never_over if index else None,
        )


def _is_never_over(folder: Path) -> bool:
    return False


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
    if first.outcome.ending != last.outcome.ending:
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
