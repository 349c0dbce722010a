"""Where dependences on variations are born: operators recorded as the program is, and varied."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from reproaudit.comparison.entropy import differing_calls
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged
from reproaudit.comparison.localise import localise
from reproaudit.comparison.regroup import RegroupedSource, find_regrouped_source
from reproaudit.diagnose.dependence import judge_finding, name_dependence
from reproaudit.diagnose.refine import add_line
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.varied import VariedPair, explain_varied, lacks_line, may_be_regrouped
from reproaudit.diagnose.worker_dependence import WORKERS
from reproaudit.errors import SubjectError
from reproaudit.experiment.surroundings import surround
from reproaudit.knowledge.dependences import Judgement
from reproaudit.knowledge.variable_factors import find_factor
from reproaudit.knowledge.wanted import Wanted
from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.events import EventKind, Level
from reproaudit.model.question import Dependence, VariationOutcome
from reproaudit.model.result import Finding
from reproaudit.runs.lab import Lab
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run

# Recorded in detail: the step that first differed, and one more for the parameters.
_STEPS_PAST_DIVERGENCE = 2
_SLICES_MB = 64
_REDUCED: Judgement = (
    Dependence.UNEXPLAINED,
    "rows are reduced in each portion by itself: it is the order of a sum alone only if what comes "
    "of them is put together by how many rows each portion has",
    "",
)


class VariedSources:
    """Makes the runs that record operators. `held` is what all runs of the variations have.

    `change` returns the request of a run under a variation. `findings` are those of all variations,
    `ops` the operators around the first one.
    """

    def __init__(
        self,
        lab: Lab,
        interned: Interned,
        *,
        plain: Run,
        held: tuple[str, ...],
        change: Callable[[RunRequest, Wanted], RunRequest],
    ) -> None:
        self._lab = lab
        self._interned = interned
        self._plain = plain
        self._held = held
        self._change = change
        self._steps = lab.steps
        self._recorded: dict[str, Run] = {}  # as the program is, by what is recorded
        self._number = 0
        self._found: list[tuple[str, Finding]] = []  # with the name of the variation
        self.ops: AlignedOps | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for _, finding in self._found)

    def limit_steps(self, judged: Iterable[Judged]) -> None:
        """Record as many steps as the last of the differences needs, in all runs alike."""
        last = 0
        for one in judged:
            steps = [row.step for row in one.divergences if row.step >= 0 and row.only_in is None]
            first = one.first
            if not steps or (first and first.kind in (EventKind.SAVED, EventKind.FINAL)):
                return  # what the program leaves at its end
            last = max(last, min(steps))
        wanted = last + _STEPS_PAST_DIVERGENCE
        self._steps = wanted if self._lab.steps is None else min(wanted, self._lab.steps)

    def explain(
        self, wanted: Wanted, judged: Judged, outcome: VariationOutcome
    ) -> VariationOutcome:
        """Return the outcome with what depends on the variation, and why. Adds its findings."""
        try:
            pair = self._record(wanted, judged)
            if pair.localisation.is_equal:
                why = "all operators that were recorded are equal: recording hides the difference"
                return replace(outcome, why=why)
            factor = find_factor(wanted.name)
            regrouped = self._find_regrouped(pair, wanted, judged)
            explained = explain_varied(
                VariedPair(
                    pair=pair,
                    factor=factor,
                    calls=differing_calls(*pair.runs, self._interned),
                    reordered=judged.same_samples_reordered,
                    regrouped=regrouped,
                ),
                self._interned,
            )
            findings = [one.finding for one in explained]
            if explained and lacks_line(explained[0], factor):
                findings[0] = self._name_line(findings[0], wanted, judged)
        except SubjectError as error:
            return replace(outcome, why=f"the operator was not located: {error.message}")
        factor = "batch" if regrouped is not None else factor
        judgements = []
        for number, finding in enumerate(findings):
            origin = explained[number].source.origin
            judgement = judge_finding(finding, factor, origin)
            if regrouped is not None and regrouped.is_reduction:
                judgement = _REDUCED
            judgements.append(judgement)
            findings[number] = name_dependence(finding, factor, judgement)
        places = [self._add(one, wanted) for one in findings]
        if self.ops is None:
            self.ops = pair.align_around_sources(self._interned)
        if not explained:
            return replace(outcome, why="")
        dependence, why, reference = judgements[0]
        return replace(
            outcome, finding=places[0], dependence=dependence, why=why, reference=reference
        )

    def _add(self, finding: Finding, wanted: Wanted) -> int:
        """Add a finding; return its position, or that of the same one under another value."""
        for number, (name, other) in enumerate(self._found):
            is_same = (other.cause, other.op, other.location) == (
                finding.cause,
                finding.op,
                finding.location,
            )
            if name == wanted.name and is_same:
                return number
        self._found.append((wanted.name, replace(finding, variation=wanted.setting)))
        return len(self._found) - 1

    def _record(self, wanted: Wanted, judged: Judged) -> RunPair:
        return self._run_both("operators", wanted, judged)

    def _find_regrouped(
        self, pair: RunPair, wanted: Wanted, judged: Judged
    ) -> RegroupedSource | None:
        """Return the op that was given the same rows in other portions; None if there is none.

        Where ops of one run alone may be the same ones with other shapes, two more runs keep what
        it takes to compare row by row.
        """
        if wanted.name == WORKERS or not may_be_regrouped(pair, self._interned):
            return None
        sliced = self._run_both("rows", wanted, judged, slices_mb=_SLICES_MB)
        return find_regrouped_source(*sliced.runs, self._interned)

    def _name_line(self, finding: Finding, wanted: Wanted, judged: Judged) -> Finding:
        """Follow the program's own lines in two more runs, and name the first that differs."""
        pair = self._run_both("lines", wanted, judged, lines=True)
        return add_line(finding, pair, self._interned)

    def _run_both(
        self,
        what: str,
        wanted: Wanted,
        judged: Judged,
        *,
        slices_mb: int = 0,
        lines: bool = False,
    ) -> RunPair:
        """Make a run under the variation that records more, and once for all one without it."""
        asked = replace(self._request(what), slices_mb=slices_mb, lines=lines)
        if what not in self._recorded:
            request = replace(
                asked, name=f"{what}-plain", index=self._plain.index, what=f"{asked.what}, as it is"
            )
            self._recorded[what] = self._lab.run(request)
        self._number += 1
        _, varied = judged.runs
        request = replace(
            asked,
            name=f"{what}-varied-{self._number}",
            index=varied.index,
            what=f"{asked.what}, {wanted.setting}",
        )
        plain = self._recorded[what]
        with surround(wanted):
            run = self._lab.run(self._change(request, wanted))
        return RunPair(plain, run, localise(plain, run, self._interned))

    def _request(self, what: str) -> RunRequest:
        return RunRequest(
            name="",
            index=0,
            what=f"recording {what}",
            interventions=self._held,
            level=Level.OPERATION,
            steps=self._steps,
            values_mb=0,
            by_content=True,
        )
