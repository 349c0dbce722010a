"""Finding the operator: runs under recording of every op until two differ, and where their
differences are born."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.entropy import differing_calls
from reproaudit.compare.files import carried_files
from reproaudit.compare.interning import Interned
from reproaudit.compare.judge import Judged
from reproaudit.compare.localise import Localisation, Source, localise
from reproaudit.config.plan import Pin, Target
from reproaudit.diagnose.races import DeviceRace
from reproaudit.diagnose.sources import Explanation, explain_sources
from reproaudit.model.confidence import agreement
from reproaudit.model.events import Level, NotChecked, Unchecked
from reproaudit.model.result import Alert
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

_STEPS_PAST_DIVERGENCE = (
    2  # recorded in detail: the step that first differed, and one more for the parameters
)
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
        agree = agreement([len(group) for group in judged.comparison.classes])
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
                    "the recording hides the difference, so only the boundary comparison above is known",
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

    # -- runs
    # --------------------------------------------------------------------------------------------------------

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
    """Return the call of the source op in `run` as a plan can ask for it; None if `run` does not
    have it."""
    if source.event_a is None:
        return None
    trace = dict(run.traces)[source.process]
    events, row = trace.events, trace.events[source.event_a]
    same = (
        (events["kind"] == row["kind"])
        & (events["name"] == row["name"])
        & (events["phase"] == row["phase"])
        & (events["step"] == row["step"])
        & (events["thread"] == row["thread"])
        & (events["location"] == row["location"])
    )
    place = trace.locations[row["location"]]
    return Target(
        trace.strings[row["name"]],
        place.path,
        place.line,
        int(row["phase"]),
        int(row["step"]),
        int(same[: source.event_a].sum()),
        int(row["thread"]),
    )


def make_pin(pair: RunPair, source: Source) -> Pin | None:
    """Return the pin for all calls like the source's; for memory that nobody wrote, for its
    allocation."""
    if source.event_a is None:
        return None
    trace = dict(pair.a.traces)[source.process]
    event = (
        source.event_a
        if source.allocation is None
        else min(source.allocation, len(trace.events) - 1)
    )
    row = trace.events[event]
    place = trace.locations[row["location"]]
    return Pin(trace.strings[row["name"]], place.path, place.line, int(row["phase"]))


def places(sources: Sequence[Source], pair: RunPair) -> Iterator[tuple[str, str, str, int]]:
    """Yield the kind, op and line of each source: what identifies it from one pair of runs to
    another."""
    for source in sources:
        run, event = (
            (pair.a, source.event_a) if source.event_a is not None else (pair.b, source.event_b)
        )
        assert event is not None
        trace = dict(run.traces)[source.process]
        row = trace.events[event]
        place = trace.locations[row["location"]]
        yield source.origin.value, trace.strings[row["name"]], place.path, place.line
