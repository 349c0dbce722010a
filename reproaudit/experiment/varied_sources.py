"""Where dependences on variations are born: operators recorded as the program is, and varied."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from reproaudit.compare.interning import Interned
from reproaudit.compare.judge import Judged
from reproaudit.compare.localise import localise
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.varied import explain_varied
from reproaudit.errors import SubjectError
from reproaudit.knowledge.wanted import Wanted
from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.events import EventKind, Level
from reproaudit.model.question import VariationOutcome
from reproaudit.model.result import Finding
from reproaudit.runs.lab import Lab
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run

# Recorded in detail: the step that first differed, and one more for the parameters.
_STEPS_PAST_DIVERGENCE = 2


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
        self._recorded: Run | None = None
        self._number = 0
        self._known: dict[tuple[str, tuple[int, ...]], VariationOutcome] = {}
        self._findings: list[Finding] = []
        self.ops: AlignedOps | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(self._findings)

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
        except SubjectError as error:
            return replace(outcome, why=f"the operator was not located: {error.message}")
        if pair.localisation.is_equal:
            why = "all operators that were recorded are equal: recording hides the difference"
            return replace(outcome, why=why)
        explained = explain_varied(pair, wanted, judged, self._interned)
        at = len(self._findings)
        for one in explained:
            self._findings.append(replace(one, variation=wanted.setting))
        if self.ops is None:
            self.ops = pair.align_around_sources(self._interned)
        return replace(outcome, finding=at, why="")

    def _record(self, wanted: Wanted, judged: Judged) -> RunPair:
        if self._recorded is None:
            self._recorded = self._lab.run(self._request("as it is", "plain", self._plain.index))
        self._number += 1
        _, varied = judged.runs
        request = self._request(wanted.setting, str(self._number), varied.index)
        run = self._lab.run(self._change(request, wanted))
        return RunPair(self._recorded, run, localise(self._recorded, run, self._interned))

    def _request(self, what: str, name: str, index: int) -> RunRequest:
        return RunRequest(
            name=f"varied-operations-{name}",
            index=index,
            what=f"recording operators, {what}",
            interventions=self._held,
            level=Level.OPERATION,
            steps=self._steps,
            values_mb=0,
        )
