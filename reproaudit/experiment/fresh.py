"""Fresh processes beside repetitions within one process: whether they differ as well, and what that
shows of a generator that was made before the first repetition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.computed import refine_classes
from reproaudit.comparison.entropy import differing_calls
from reproaudit.comparison.files import carried_files
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.diagnose.attribute import settle_finding
from reproaudit.diagnose.diagnosis import Diagnosis
from reproaudit.diagnose.sources import Explanation, explain_sources, with_cause
from reproaudit.errors import ReproauditError, SubjectError
from reproaudit.knowledge.interventions import list_acting_on
from reproaudit.knowledge.traits import Part
from reproaudit.model.cause import Cause
from reproaudit.model.events import Level
from reproaudit.model.result import Finding
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

# That must be equal before a difference between repetitions is called carried state.
FRESH_RUNS = 3
# Of all that may be drawn at import time, where a repetition is too late.
_SEEDS = list_acting_on([Part.SEEDS])
_CARRIED_ADVICE = (
    "make what is repeated start from its own state: build models, optimizers, generators and "
    "caches inside it, or reset them"
)
_GENERATOR_ADVICE = (
    "make the generator inside what is repeated, with a seed: one that is made outside goes on "
    "from repetition to repetition"
)


class FreshRuns:
    """Runs of the code in fresh processes, which each make one repetition."""

    def __init__(self, lab: RunMaker, interned: Interned) -> None:
        self._lab = lab
        self._interned = interned
        self._found: tuple[Explanation, ...] = ()  # where they differ

    def compare(self) -> bool:
        """Make them, and return True if they are equal. Raises SubjectError if one fails."""
        runs = self._make("run", "fresh process")
        for run in runs:
            if not run.outcome.is_success:
                raise SubjectError(
                    f"a fresh process failed: {run.outcome.detail}", code="subject-failed"
                )
        if self._are_equal(runs):
            return True
        self._found = self._explain_pairs(runs)
        return False

    def explain_unknown(self, diagnosis: Diagnosis, repetitions: Sequence[Run]) -> Diagnosis:
        """Return the diagnosis; an unknown cause is named where fresh processes show it.

        They differ by what is drawn at import time, too. Where both differ at one place first, the
        generator that was made there is the cause: it has no other seed in the next repetition,
        only another state, which nothing shows. Where they differ elsewhere, and not at all once
        all is seeded, repetitions differ by what they leave for each other.
        """
        if not (self._found and diagnosis.findings):
            return diagnosis
        finding = diagnosis.findings[0]
        if finding.cause is not Cause.UNKNOWN:
            return diagnosis
        places = {explained.arrival for explained in self._explain_pairs(repetitions)}
        places.add(finding.location)
        common = [one for one in self._found if one.arrival in places and one.is_from_outside]
        named = self._name_generator(finding, common[0]) if common else self._name_state(finding)
        return replace(diagnosis, findings=(named, *diagnosis.findings[1:]))

    def _name_generator(self, finding: Finding, explained: Explanation) -> Finding:
        named = settle_finding(explained)
        if named.cause is Cause.UNKNOWN and self._are_equal_with_seeds():
            note = f"{FRESH_RUNS} fresh processes with seeds for all generators are equal"
            named = with_cause(finding, Cause.UNSEEDED_RNG, note)
        if named.cause is not Cause.UNSEEDED_RNG:
            return finding
        assert named.fix is not None
        return replace(named, fix=replace(named.fix, advice=_GENERATOR_ADVICE))

    def _name_state(self, finding: Finding) -> Finding:
        if not self._are_equal_with_seeds():
            return finding
        note = (
            f"{FRESH_RUNS} fresh processes that each ran it once, all generators seeded from their "
            "start, are equal; without seeds they differ elsewhere, by what is drawn at import time"
        )
        return blame_repetitions(finding, (*finding.evidence.notes, note))

    def _explain_pairs(self, runs: Sequence[Run]) -> tuple[Explanation, ...]:
        """Return the first place at which each pair of the runs differs, explained."""
        found: list[Explanation] = []
        for pair in combinations(runs[:FRESH_RUNS], 2):
            sources = localise(*pair, self._interned).sources
            calls = differing_calls(*pair, self._interned)
            found += explain_sources(sources, pair, calls, carried=carried_files(pair))[:1]
        return tuple(found)

    def _are_equal_with_seeds(self) -> bool:
        """Return True if what differs is equal once generators without a seed are given one.

        They may have been made before torch was imported, where nothing is recorded yet.
        """
        try:
            runs = self._make("seeded", "fresh process with seeds", *_SEEDS)
        except ReproauditError:
            return False
        is_whole = all(run.outcome.is_success for run in runs)
        return is_whole and self._are_equal(runs)

    def _make(self, name: str, what: str, *interventions: str) -> list[Run]:
        runs: list[Run] = []
        for index in range(FRESH_RUNS):
            request = RunRequest(
                name=f"{name}-{index}",
                index=index,
                what=f"{what} {index + 1}",
                level=Level.OPERATION,
                interventions=interventions,
            )
            runs.append(self._lab.run(request))
        return runs

    def _are_equal(self, runs: Sequence[Run]) -> bool:
        """Return True if the runs are equal, in all operators too."""
        comparison = compare_boundaries(runs, self._interned)
        return len(refine_classes(comparison.classes, runs, self._interned)) == 1


def blame_repetitions(finding: Finding, notes: tuple[str, ...]) -> Finding:
    """Return the finding as one of state that a repetition leaves for the next."""
    finding = with_cause(finding, Cause.CARRIED_STATE)
    assert finding.fix is not None
    return replace(
        finding,
        title="state carried from one repetition to the next",
        evidence=replace(finding.evidence, notes=notes),
        fix=replace(finding.fix, advice=_CARRIED_ADVICE),
    )
