"""Order effects: the first runs stand apart because they left something for the later ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged
from reproaudit.diagnose.locate import Locator
from reproaudit.diagnose.plain_runs import PlainRuns
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import with_cause
from reproaudit.diagnose.trials import are_equal, differ, find_fault
from reproaudit.errors import SubjectError
from reproaudit.knowledge.interventions import list_with_fresh_files
from reproaudit.knowledge.rules import RULES
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, Level, Phase
from reproaudit.model.result import Finding, Fix, Trial
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

(_FRESH_FILES,) = list_with_fresh_files()
_FRESH_RUNS = 3  # that must equal the first run: by chance hardly one would
_LEAST_ALIKE = 2  # runs at the end that make an order effect likely enough to be tested
_CONFIRMING = 2  # runs that show that the later ones differ by when they were made alone
_ELSEWHERE = (
    "what is carried is not in the working or the temporary folder: look at caches in the home "
    "folder, of downloaded data and of compiled code"
)


@dataclass(frozen=True, slots=True)
class CarriedState:
    """The finding that runs carry something over; `trial` brought the first result back, if any."""

    finding: Finding
    trial: Trial | None = None


class OrderEffects:
    """Tests whether the difference is between first runs and later ones, and nothing else."""

    def __init__(
        self,
        lab: RunMaker,
        judged: Judged,
        locator: Locator,
        plain: PlainRuns,
        *,
        interned: Interned,
    ) -> None:
        self._lab = lab
        self._judged = judged
        self._locator = locator
        self._plain = plain
        self._interned = interned
        self._was_tried_fresh = False

    def find_early(self) -> CarriedState | None:
        """Return what carries over, if the runs look like it: the first ones apart, the rest alike.

        None if they do not, or if further runs show that it was chance.
        """
        alike = self._count_alike(self._judged.runs)
        if alike < _LEAST_ALIKE:
            return None
        restored = self._restore_first_run()
        if restored is not None:
            return restored
        for _ in range(self._plain.wanted - alike):
            run = self._plain.make()
            if differ(self._judged.runs[-1], run, self._interned):
                return None
        return self.find_late()

    def find_late(self, known: Finding | None = None) -> CarriedState | None:
        """Return the finding if all plain runs from some number on agree, and none before did.

        `known` says where the difference was seen while it was there.
        """
        timeline = (*self._judged.runs, *self._plain.made)
        alike = self._count_alike(timeline)
        if alike < self._plain.wanted:
            return None
        first = len(timeline) - alike
        if self._comes_back(timeline[:first]) or not self._is_confirmed(timeline[-1]):
            return None
        which = "the first run differs"
        if first > 1:
            which = f"the first {first} runs differ"
        notes = [f"only {which}: {alike} later runs of the program as it is are all equal"]
        if self._was_tried_fresh:
            notes.append(_ELSEWHERE)
        finding = known or self._make_unplaced_finding()
        return CarriedState(_blame_earlier_runs(finding, notes))

    def _count_alike(self, runs: Sequence[Run]) -> int:
        """Return how many runs at the end are alike; 0 if one before them is like them too."""
        last = runs[-1]
        alike = 0
        for run in reversed(runs):
            if differ(last, run, self._interned):
                break
            alike += 1
        before = runs[: len(runs) - alike]
        is_like_earlier = any(not differ(last, run, self._interned) for run in before)
        if is_like_earlier or not before:
            return 0
        return alike

    def _comes_back(self, runs: Sequence[Run]) -> bool:
        """Return True if a result comes again after another one: that is chance, and no order."""
        for number, run in enumerate(runs):
            later = [differ(run, other, self._interned) for other in runs[number + 1 :]]
            if True in later and False in later[later.index(True) :]:
                return True
        return False

    def _is_confirmed(self, last: Run) -> bool:
        """Return True if runs that are made as the first ones were are like the last one.

        Runs in between keep no values, and a program that depends on addresses may see that.
        """
        for number in range(_CONFIRMING):
            request = RunRequest(
                name=f"again-{number}",
                index=number,
                what=f"running the program as at first, run {number + 1}",
            )
            if differ(last, self._lab.run(request), self._interned):
                return False
        return True

    # Files as they were

    def _restore_first_run(self) -> CarriedState | None:
        """Return the finding if runs with the files as they were equal the first run, each time.

        Later runs as they are do not: so it is the files that make the difference.
        """
        if not self._lab.can_try(_FRESH_FILES):
            return None
        self._was_tried_fresh = True
        runs: list[Run] = []
        try:
            for number in range(_FRESH_RUNS):
                run = self._run_with_fresh_files(number)
                runs.append(run)
                is_first = are_equal(self._judged.runs[0], run, self._interned)
                if find_fault(run) or not is_first:
                    return None
            later = self._lab.run(
                RunRequest(
                    name="after-others",
                    index=_FRESH_RUNS,
                    what="running once more after the others",
                    level=Level.OPERATION,
                    values_mb=0,
                )
            )
        except SubjectError:
            # As of a folder that is too large to be copied: other tests do without.
            self._was_tried_fresh = False
            return None
        pair = self._locator.compare(runs[0], later)
        if pair is None:
            return None
        explanations = self._locator.explain(pair)
        finding = self._make_unplaced_finding()
        if explanations:
            finding = explanations[0].finding
        count = len(runs)
        note = (
            f"{count} runs that start with the files as they were before the audit equal the "
            "first run, and a run after the others does not"
        )
        trial = Trial((_FRESH_FILES,), count, is_equal=True, plain_differ=True)
        finding = _blame_earlier_runs(_name_lost_draw(finding, pair), [note])
        advice = RULES[Cause.CARRIED_STATE].advice
        fix = Fix(trial.settings, advice, verified=True, runs=count)
        return CarriedState(replace(finding, fix=fix), trial)

    def _run_with_fresh_files(self, number: int) -> Run:
        # The first of them is also compared with a later run, operator by operator.
        level = Level.OPERATION if number == 0 else Level.BOUNDARY
        return self._lab.run(
            RunRequest(
                name=f"fresh-{number}",
                index=number,
                what=f"starting with the files as they were, run {number + 1}",
                interventions=(_FRESH_FILES,),
                level=level,
                values_mb=0,
            )
        )

    def _make_unplaced_finding(self) -> Finding:
        first = self._judged.first
        return Finding(
            rule="",
            cause=Cause.UNKNOWN,
            title="",
            phase=first.phase if first else Phase.FORWARD,
            step=first.step if first else 0,
        )


def _name_lost_draw(finding: Finding, pair: RunPair) -> Finding:
    """Say which draw the first run made and the later one did not, if there is one.

    It is how a cache acts on the rest of a program: every later draw gets other numbers.
    """
    later = {(op.shown_name, op.location) for op in pair.b.main.operations(EventFlag.RANDOM)}
    for op in pair.a.main.operations(EventFlag.RANDOM):
        if (op.shown_name, op.location) in later:
            continue
        note = f"{op.shown_name} at {op.location} draws in the first run, and not in later ones"
        notes = (*finding.evidence.notes, note)
        evidence = replace(finding.evidence, notes=notes)
        return replace(finding, op=finding.op or op.shown_name, evidence=evidence)
    return finding


def _blame_earlier_runs(finding: Finding, notes: Sequence[str]) -> Finding:
    evidence = replace(finding.evidence, notes=(*finding.evidence.notes, *notes))
    return with_cause(replace(finding, evidence=evidence), Cause.CARRIED_STATE)
