"""Finding the operator: runs that record every op, until two differ.

Where their differences are born is found by `comparison.localise`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.entropy import EntropyCall, differing_calls
from reproaudit.comparison.files import carried_files
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged
from reproaudit.comparison.localise import Source, localise
from reproaudit.diagnose.races import DeviceRace
from reproaudit.diagnose.refusals import collect_asked
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import Explanation, explain_sources
from reproaudit.model.confidence import estimate_agreement
from reproaudit.model.events import EventKind, Level, NotChecked, Unchecked
from reproaudit.model.result import Alert
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

# Recorded in detail: the step that first differed, and one more for the parameters.
_STEPS_PAST_DIVERGENCE = 2
_LEAST_RUNS, _MOST_RUNS = 6, 40
_OFTEN = 0.3  # below this chance of agreement two runs are enough to see a difference
_CHANCE = 0.05  # that all recorded runs agree although the program's do not


class RecordedRunsAgree(Exception):
    """Two runs that recorded operators agree, and few runs of the program were seen to differ."""


class Locator:
    """Makes runs that record every op. `notes` says what could not be located.

    `recorded` are runs of the program as it is that were recorded before. With `wants_more` the
    first two that agree raise RecordedRunsAgree: more runs that decide would say what to expect.
    With `probes` the runs of the program as it is ask which ops the determinism flag refuses.
    """

    def __init__(
        self,
        lab: RunMaker,
        judged: Judged,
        alerts: tuple[Alert, ...] | None,
        races: tuple[DeviceRace, ...] = (),
        *,
        interned: Interned,
        recorded: Sequence[tuple[int | None, Run]] = (),
        wants_more: bool = False,
        probes: bool = False,
    ) -> None:
        self._lab = lab
        self._interned = interned
        self._judged = judged
        self._alerts = alerts
        self._races = races
        self.recorded = list(recorded)
        self._wants_more = wants_more
        self._probes = probes
        self._number = len(self.recorded)
        self._failure = ""  # how the program ends where every operator is recorded, and only there
        self.notes: list[NotChecked] = []
        agree = estimate_agreement([len(group) for group in judged.comparison.classes])
        self._differs_often = agree < _OFTEN
        # A difference that shows in one run of ten needs as many runs to show again.
        needed = 2 + math.ceil(math.log(_CHANCE) / math.log(agree))
        self._attempts = min(max(needed, _LEAST_RUNS), _MOST_RUNS)

    @property
    def asked(self) -> Run | None:
        """The first run that asked which ops the determinism flag refuses; None if none could."""
        recorded = (run for _, run in self.recorded) if self._probes else ()
        return next((run for run in recorded if collect_asked(run) is not None), None)

    @property
    def alerts(self) -> tuple[Alert, ...] | None:
        """The ops that the determinism flag refuses; None if it is not known."""
        if self._alerts is None and self.asked is not None:
            self._alerts = collect_asked(self.asked)
        return self._alerts

    def find_plain_pair(self) -> RunPair | None:
        """Make runs of the program as it is until two differ.

        None, with a note, if recording hides the difference or the program fails under it.
        """
        # Of a program that differs often, runs that were cut short and agree have told that what
        # differs is not seen in them: a file that is written at the end, for example.
        known = () if self._differs_often else tuple(self.recorded)
        pair = self._find_pair(self._choose_limits(), known=known)
        if pair is None:
            if self._failure:
                why = (
                    "the program fails where every operator is recorded, and never without: "
                    f"{self._failure}; it is a fault of reproaudit"
                )
            else:
                why = (
                    f"{self._attempts} runs under recording of every operator were all equal: the "
                    "recording hides the difference"
                )
            self.notes.append(
                NotChecked(
                    Unchecked.OPERATOR_NOT_LOCATED,
                    "the operator where the runs first differ",
                    f"{why}, so only the boundary comparison above is known",
                )
            )
        return pair

    def find_changed_pair(
        self, interventions: tuple[str, ...], *, lines: bool = False
    ) -> RunPair | None:
        """Make a few runs with interventions until two differ; None if they are equal.

        They have as many steps as the difference needs.
        """
        # Fewer than of the plain program: this is only for a more exact line, and each run costs
        # the most where lines are followed.
        attempts = 2 if self._differs_often else 3
        limits = [self._choose_near_limit()] * attempts
        return self._find_pair(limits, interventions, lines=lines)

    def explain(self, pair: RunPair) -> tuple[Explanation, ...]:
        """Return what the pair's sources are, the first one first."""
        return explain_sources(
            pair.localisation.sources,
            pair.runs,
            differing_calls(pair.a, pair.b, self._interned),
            alerts=self.alerts,
            reordered=self._judged.same_samples_reordered,
            carried=carried_files(pair.runs),
            races=self._races,
        )

    def explain_without(
        self,
        pair: RunPair,
        source: Source,
        is_withdrawn: Callable[[EntropyCall], bool],
        *,
        fix: tuple[str, ...] = (),
    ) -> Explanation:
        """Return what one of the pair's sources is if the withdrawn calls do not count.

        `fix` is what was proven to repair the program, if that is known.
        """
        is_first = source == pair.localisation.sources[0]
        calls: list[EntropyCall] = []
        for call in differing_calls(pair.a, pair.b, self._interned):
            if not is_withdrawn(call):
                calls.append(call)
        (explanation,) = explain_sources(
            [source],
            pair.runs,
            calls,
            alerts=self.alerts,
            reordered=is_first and self._judged.same_samples_reordered,
            carried=carried_files(pair.runs) if is_first else (),
            races=self._races,
            fix=fix,
        )
        return explanation

    def make_changed_pair(self, interventions: tuple[str, ...]) -> RunPair:
        """Make two runs with interventions; return where they differ, be it to no effect."""
        runs: list[Run] = []
        for index in range(2):
            runs.append(self._run(index, self._lab.steps, interventions, is_first=not index))
        a, b = runs
        return RunPair(a, b, localise(a, b, self._interned))

    def compare(self, a: Run, b: Run) -> RunPair | None:
        """Return where two recorded runs differ; None if they are equal in all that counts."""
        localisation = localise(a, b, self._interned)
        if localisation.is_equal:
            return None
        # An op may differ without consequence, as masked padding does.
        if not self._end_up_different(a, b):
            return None
        return RunPair(a, b, localisation)

    def _choose_near_limit(self) -> int | None:
        """Return how many steps to record in detail; None for all.

        It is a little past the first difference, where that has a step.
        """
        audited = self._lab.steps
        runs = self._judged.runs
        first = self._judged.first
        if first is not None and first.kind in (EventKind.SAVED, EventKind.FINAL):
            # What the program leaves differs before anything that it computes step by step.
            return audited
        steps = [
            divergence.step
            for divergence in self._judged.divergences
            if divergence.step >= 0 and divergence.only_in is None
        ]
        # Where runs end differently, a limit might stop all of them before their ends part.
        end_alike = all(run.outcome == runs[0].outcome for run in runs)
        if not steps or not end_alike:
            return audited
        wanted = min(steps) + _STEPS_PAST_DIVERGENCE
        return wanted if audited is None else min(wanted, audited)

    def _choose_limits(self) -> list[int | None]:
        """Return how many steps each attempt records.

        If the difference stays away near the step where it was seen, the later attempts look at the
        whole audited length.
        """
        near = self._attempts // 2 + 1
        whole = self._attempts - near
        if self.recorded and self._differs_often:
            return [self._lab.steps] * max(self._attempts - len(self.recorded), 2)
        limits = [self._choose_near_limit()] * near
        limits += [self._lab.steps] * whole
        return limits

    def _find_pair(
        self,
        limits: Sequence[int | None],
        interventions: tuple[str, ...] = (),
        *,
        lines: bool = False,
        known: Sequence[tuple[int | None, Run]] = (),
    ) -> RunPair | None:
        """`known` are the first runs, each with the steps that it records, made before."""
        first: Run | None = None
        for attempt, steps in enumerate(limits):
            if attempt and steps != limits[attempt - 1]:
                first = None  # runs of different lengths cannot be compared
            if attempt < len(known) and known[attempt][0] == steps:
                run = known[attempt][1]
            else:
                # Two are made in any case.
                is_first = attempt == 0 and limits[1:2] == [steps]
                run = self._run(attempt, steps, interventions, lines=lines, is_first=is_first)
            if first is None:
                first = run
                continue
            pair = self.compare(first, run)
            if pair is not None:
                return pair
            if self._fail_alike(first, run):
                # Further runs would fail as well, before there is anything to see.
                self._failure = run.outcome.detail or run.outcome.kind.value
                return None
            if self._wants_more and not interventions and not lines:
                raise RecordedRunsAgree
        return None

    def _fail_alike(self, *recorded: Run) -> bool:
        """Return True if recorded runs failed, and no run of the program as it is."""
        plain = any(not run.outcome.is_success for run in self._judged.runs)
        return not plain and not any(run.outcome.is_success for run in recorded)

    def _run(
        self,
        index: int,
        steps: int | None,
        interventions: tuple[str, ...],
        *,
        lines: bool = False,
        is_first: bool = False,
    ) -> Run:
        """Make one run that records every op; after the first one another like it follows."""
        is_plain = not interventions and not lines
        request = RunRequest(
            name=f"operations-{self._number}",
            index=index,
            what=f"recording operators, run {self._number + 1}",
            interventions=interventions,
            level=Level.OPERATION,
            steps=steps,
            values_mb=0,
            lines=lines,
            probes=self._probes and is_plain,
        )
        self._number += 1
        if is_first:
            what = f"recording operators, run {self._number + 1}"
            name = f"operations-{self._number}"
            following = replace(request, name=name, index=index + 1, what=what)
            request = replace(request, following=following)
        run = self._lab.run(request)
        if is_plain:
            self.recorded.append((steps, run))
        self._note_early_end(run)
        return run

    def _note_early_end(self, run: Run) -> None:
        # Once: the runs of one program mostly end alike.
        if not run.outcome.is_success and not self.notes:
            how = run.outcome.detail or run.outcome.kind.value
            self.notes.append(
                NotChecked(
                    Unchecked.RUNS_ENDED_EARLY,
                    "operators after the end of the recorded runs",
                    f"they ended early: {how}",
                )
            )

    def _end_up_different(self, a: Run, b: Run) -> bool:
        """Return True if the boundary tensors or the endings of two runs differ."""
        if a.outcome != b.outcome:
            return True
        comparison = compare_boundaries([a, b], self._interned)
        return len(comparison.classes) > 1
