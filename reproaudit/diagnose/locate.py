"""Finding the operator: runs that record every op, until two differ.

Where their differences are born is compared in `compare.localise`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.entropy import differing_calls
from reproaudit.compare.files import carried_files
from reproaudit.compare.interning import Interned
from reproaudit.compare.judge import Judged
from reproaudit.compare.localise import Localisation, Origin, Source, localise
from reproaudit.config.plan import Pin, Target
from reproaudit.diagnose.races import DeviceRace
from reproaudit.diagnose.sources import Explanation, explain_sources
from reproaudit.model.confidence import estimate_agreement
from reproaudit.model.events import Level, NotChecked, Unchecked
from reproaudit.model.result import Alert
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

# Recorded in detail: the step that first differed, and one more for the parameters.
_STEPS_PAST_DIVERGENCE = 2
_LEAST_RUNS, _MOST_RUNS = 6, 40
_OFTEN = 0.3  # below this chance of agreement two runs are enough to see a difference
_CHANCE = 0.05  # that all recorded runs agree although the program's do not


@dataclass(frozen=True, slots=True)
class RunPair:
    """Two recorded runs that differ, and where."""

    a: Run
    b: Run
    localisation: Localisation

    @property
    def runs(self) -> tuple[Run, Run]:
        return self.a, self.b


class Locator:
    """Makes runs that record every op. `notes` says what could not be located."""

    def __init__(
        self,
        lab: RunMaker,
        judged: Judged,
        alerts: tuple[Alert, ...],
        races: tuple[DeviceRace, ...] = (),
        *,
        interned: Interned,
    ) -> None:
        self._lab = lab
        self._interned = interned
        self._judged = judged
        self._alerts = alerts
        self._races = races
        self._number = 0
        self.notes: list[NotChecked] = []
        # A difference that shows in one run of ten needs as many runs to show again.
        agree = estimate_agreement([len(group) for group in judged.comparison.classes])
        self._differs_often = agree < _OFTEN
        self._attempts = min(
            _MOST_RUNS, max(_LEAST_RUNS, 2 + math.ceil(math.log(_CHANCE) / math.log(agree)))
        )

    def plain_pair(self) -> RunPair | None:
        """Return two runs of the program as it is that differ; None if recording hides the
        difference."""
        pair = self._pair(self._limits())
        if pair is None:
            self.notes.append(
                NotChecked(
                    Unchecked.OPERATOR_NOT_LOCATED,
                    "the operator where the runs first differ",
                    f"{self._attempts} runs under recording of every operator were all equal: "
                    "the recording hides the difference, so only the boundary comparison above is "
                    "known",
                )
            )
        return pair

    def changed_pair(
        self, interventions: tuple[str, ...], *, lines: bool = False
    ) -> RunPair | None:
        """Return two differing runs with interventions, of as many steps as the difference needs;
        None if equal."""
        return self._pair(
            [self._near_limit()] * (2 if self._differs_often else 3), interventions, lines=lines
        )

    def explain(self, pair: RunPair) -> tuple[Explanation, ...]:
        """Return what the pair's sources are, the first one first."""
        calls = differing_calls(pair.a, pair.b, self._interned)
        reordered = self._judged.same_samples_reordered
        return explain_sources(
            pair.localisation.sources,
            pair.runs,
            calls,
            alerts=self._alerts,
            reordered=reordered,
            carried=carried_files(pair.runs),
            races=self._races,
        )

    def compare(self, a: Run, b: Run) -> RunPair | None:
        """Return where two recorded runs differ; None if they are equal in all that counts."""
        found = localise(a, b, self._interned)
        return RunPair(a, b, found) if not found.is_equal and self._matters(a, b) else None

    def _near_limit(self) -> int | None:
        """Return how many steps to record in detail: a little past the first difference, if it has
        a step."""
        rows = self._judged.divergences
        steps = [row.step for row in rows if row.step >= 0 and row.only_in is None]
        if not steps or any(
            run.outcome != self._judged.runs[0].outcome for run in self._judged.runs
        ):
            return self._lab.steps
        wanted = min(steps) + _STEPS_PAST_DIVERGENCE
        return wanted if self._lab.steps is None else min(wanted, self._lab.steps)

    def _limits(self) -> list[int | None]:
        """If the difference stays away near the step where it was seen, look at the whole audited
        length."""
        near = self._attempts // 2 + 1
        return [
            self._near_limit() if attempt < near else self._lab.steps
            for attempt in range(self._attempts)
        ]

    def _pair(
        self,
        limits: Sequence[int | None],
        interventions: tuple[str, ...] = (),
        *,
        lines: bool = False,
    ) -> RunPair | None:
        first: Run | None = None
        for attempt, steps in enumerate(limits):
            if attempt and steps != limits[attempt - 1]:
                first = None
            request = RunRequest(
                name=f"operations-{self._number}",
                index=attempt,
                what=f"recording operators, run {self._number + 1}",
                interventions=interventions,
                level=Level.OPERATION,
                steps=steps,
                values_mb=0,
                lines=lines,
            )
            run = self._lab.run(request)
            self._number += 1
            self._note_early_end(run)
            if first is None:
                first = run
            elif pair := self.compare(first, run):
                return pair
        return None

    def _note_early_end(self, run: Run) -> None:
        if not run.outcome.is_success and not self.notes:
            how = run.outcome.detail or run.outcome.kind.value
            self.notes.append(
                NotChecked(
                    Unchecked.RUNS_ENDED_EARLY,
                    "operators after the end of the recorded runs",
                    f"they ended early: {how}",
                )
            )

    def _matters(self, a: Run, b: Run) -> bool:
        """An op may differ without consequence, as masked padding does: only runs that end up
        different count."""
        return len(compare_boundaries([a, b], self._interned).classes) > 1 or a.outcome != b.outcome


def make_target(run: Run, source: Source) -> Target | None:
    """Return the call of the source's op as a plan can ask for it; None if `run` lacks it.

    Calls alike in all else are told apart by their number.
    """
    if source.event_a is None:
        return None
    trace = dict(run.traces)[source.process]
    op = trace.op(source.event_a)
    earlier = trace.columns.take(slice(0, source.event_a))
    this = trace.columns.take(slice(source.event_a, source.event_a + 1))
    is_alike = (
        earlier.are(op.kind)
        & (earlier.name == this.name)
        & (earlier.phase == this.phase)
        & (earlier.step == this.step)
        & (earlier.thread == this.thread)
        & (earlier.location == this.location)
    )
    return Target(
        name=op.name,
        location_path=op.location.path,
        location_line=op.location.line,
        phase=int(op.phase),
        step=op.step,
        occurrence=int(is_alike.sum()),
        thread=op.thread,
    )


def make_pin(pair: RunPair, source: Source) -> Pin | None:
    """Return the pin for all calls like the source's; None if the first run lacks them.

    Of memory that nobody wrote, the allocation is pinned.
    """
    if source.event_a is None:
        return None
    trace = dict(pair.a.traces)[source.process]
    number = source.event_a
    if source.allocation is not None:
        number = min(source.allocation, len(trace.events) - 1)
    op = trace.event(number)
    return Pin(
        name=op.name,
        location_path=op.location.path,
        location_line=op.location.line,
        phase=int(op.phase),
    )


class SourcePlace(NamedTuple):
    """What identifies a source from one pair of runs to another."""

    origin: Origin
    op: str
    path: str
    line: int


def place_of(source: Source, pair: RunPair) -> SourcePlace:
    """Return the place of a source, from the run of the pair that has it."""
    run, number = (pair.a, source.event_a)
    if number is None:
        run, number = (pair.b, source.event_b)
    assert number is not None
    op = dict(run.traces)[source.process].event(number)
    return SourcePlace(source.origin, op.name, op.location.path, op.location.line)
