"""Finding the operator: runs under recording of every op until two differ, then the values of the first source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.elements import element_difference
from reproaudit.compare.entropy import differing_calls
from reproaudit.compare.localise import Localisation, Origin, Source, localise
from reproaudit.compare.runs import Interned, Run
from reproaudit.conclude import Judged
from reproaudit.explain.sources import confirm, explain_sources
from reproaudit.model import Alert, Difference, EventFlag, EventKind, Finding, Level, NotChecked
from reproaudit.plan import Target
from reproaudit.trace.schema import INPUTS_FROM

_STEPS_PAST_DIVERGENCE = 2  # recorded in detail: the step that first differed, and one more for the parameters
_VALUE_RUNS = 3


class Locator:
    """Makes the localising runs of one audit. `run(name, index, what, **plan)` makes one; `notes` says what failed."""

    def __init__(self, run: Callable[..., Run], attempts: int, steps: int | None, interned: Interned) -> None:
        self._run = run
        self._attempts = attempts
        self._steps = steps
        self._interned = interned
        self.notes: list[NotChecked] = []

    def locate(self, judged: Judged, alerts: tuple[Alert, ...]) -> tuple[Finding, ...]:
        """Return the sources of the divergence as findings, the first one first; empty if recording hides it."""
        found = self._differing_pair(self._steps_for(judged))
        if found is None:
            self.notes.append(
                NotChecked(
                    "the operator where the runs first differ",
                    f"{self._attempts} runs under recording of every operator were all equal: "
                    "the recording hides the difference, so only the boundary comparison above is known",
                )
            )
            return ()
        a, b, localisation = found
        calls = differing_calls(a, b, self._interned)
        findings = explain_sources(localisation.sources, a, b, calls, alerts, reordered=judged.same_samples_reordered)
        first = localisation.sources[0]
        if findings and first.origin is Origin.OP:
            findings = (self._take_values(findings[0], first, a), *findings[1:])
        return findings

    def _steps_for(self, judged: Judged) -> int | None:
        """Return how many steps to record in detail: a little past the first difference, if it has a step."""
        steps = [row.step for row in judged.divergences if row.step >= 0 and not row.note.startswith("only in run")]
        if not steps or any(run.outcome != judged.runs[0].outcome for run in judged.runs):
            return self._steps
        wanted = min(steps) + _STEPS_PAST_DIVERGENCE
        return wanted if self._steps is None else min(wanted, self._steps)

    def _differing_pair(self, steps: int | None) -> tuple[Run, Run, Localisation] | None:
        first: Run | None = None
        for attempt in range(self._attempts):
            # If the difference stays away near the step where it was seen, look at the whole audited length.
            limit = steps if attempt < self._attempts // 2 + 1 else self._steps
            if attempt == self._attempts // 2 + 1 and limit != steps:
                first = None
            run = self._run(
                f"operations-{attempt}", attempt, f"recording operators, run {attempt + 1}",
                level=Level.OPERATION, steps=limit, values_mb=0,
            )  # fmt: skip
            if not run.outcome.is_success and not self.notes:
                how = run.outcome.detail or run.outcome.kind.value
                self.notes.append(
                    NotChecked("operators after the end of the recorded runs", f"they ended early: {how}")
                )
            if first is None:
                first = run
                continue
            localisation = localise(first, run, self._interned)
            if not localisation.is_equal and self._matters(first, run):
                return first, run, localisation
        return None

    def _matters(self, a: Run, b: Run) -> bool:
        """An op may differ without consequence, as masked padding does: only runs that end up different count."""
        return len(compare_boundaries([a, b], self._interned).classes) > 1 or a.outcome != b.outcome

    def _take_values(self, finding: Finding, source: Source, a: Run) -> Finding:
        """Record the source op's values in further runs until two differ, and add what they show to the finding."""
        target = target_of(a, source)
        if target is None:
            return finding
        kept: list[Run] = []
        difference: Difference | None = None
        for attempt in range(_VALUE_RUNS):
            run = self._run(
                f"values-{attempt}", attempt, f"taking values, run {attempt + 1}",
                level=Level.VALUES, steps=target.step + 1, targets=(target,),
            )  # fmt: skip
            differences = (_captured_difference(other, run, source.process) for other in kept)
            difference = next((found for found in differences if found is not None), None)
            kept.append(run)
            if difference is not None:
                break
        else:
            self.notes.append(
                NotChecked(
                    f"elements of the outputs of {target.name}",
                    "its outputs were equal when values were kept, or past the --values-mb budget",
                )
            )
        return confirm(replace(finding, difference=difference), _captured_flags(kept, source.process))


def target_of(run: Run, source: Source) -> Target | None:
    """Return the call of the source op in `run` as a plan can ask for it; None if `run` does not have it."""
    if source.event_a is None:
        return None
    trace = dict(run.traces)[source.process]
    events, row = trace.events, trace.events[source.event_a]
    same = (
        (events["kind"] == row["kind"]) & (events["name"] == row["name"]) & (events["phase"] == row["phase"])
        & (events["step"] == row["step"]) & (events["thread"] == row["thread"])
        & (events["location"] == row["location"])
    )  # fmt: skip
    place = trace.locations[row["location"]]
    occurrence = int(same[: source.event_a].sum())
    return Target(
        trace.strings[row["name"]],
        place.path,
        place.line,
        int(row["phase"]),
        int(row["step"]),
        occurrence,
        int(row["thread"]),
    )


def _captured_difference(a: Run, b: Run, process: str) -> Difference | None:
    """Compare the outputs that both runs kept of the target op; None if none differ or none were kept."""
    kept = []
    for run in (a, b):
        trace = dict(run.traces).get(process)
        if trace is None:
            return None
        chosen = np.flatnonzero(
            (trace.events["kind"] == EventKind.OP) & ((trace.events["flags"] & EventFlag.KEPT) != 0)
        )
        if not len(chosen):
            return None
        kept.append([value for value in trace.values(int(chosen[0])) if value.number < INPUTS_FROM])
    for first, second in zip(*kept, strict=False):
        if (first.dtype, first.shape) == (second.dtype, second.shape):
            difference = element_difference(first, second)
            if difference.differing:
                return difference
    return None


def _captured_flags(runs: list[Run], process: str) -> EventFlag:
    """Return what the recorder noted at the target op in any of the runs."""
    flags = EventFlag(0)
    for run in runs:
        trace = dict(run.traces).get(process)
        if trace is not None:
            for row in trace.events[trace.events["kind"] == EventKind.OP]:
                if int(row["flags"]) & (EventFlag.KEPT | EventFlag.REPLAYED | EventFlag.OUTSIDE_WRITE):
                    flags |= EventFlag(int(row["flags"]))
    return flags
