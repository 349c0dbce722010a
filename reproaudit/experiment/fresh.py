"""Fresh processes beside repetitions within one process: whether they differ as well, and what that
shows of a generator that was made before the first repetition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.computed import refine_classes
from reproaudit.compare.entropy import differing_calls
from reproaudit.compare.files import carried_files
from reproaudit.compare.interning import Interned
from reproaudit.compare.localise import localise
from reproaudit.diagnose.attribute import settle_finding
from reproaudit.diagnose.diagnosis import Diagnosis
from reproaudit.diagnose.sources import Explanation, explain_sources, with_cause
from reproaudit.errors import ReproauditError, SubjectError
from reproaudit.model.events import Level
from reproaudit.model.result import Cause, Finding
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

# That must be equal before a difference between repetitions is called carried state.
FRESH_RUNS = 3
_SEEDED = "seed.numpy_generators"
_ADVICE = (
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

    def name_generator(self, diagnosis: Diagnosis, repetitions: Sequence[Run]) -> Diagnosis:
        """Return the diagnosis; an unknown cause is a generator's where fresh processes show it.

        One that was made at import time has no other seed in the next repetition, only another
        state, which nothing shows. Of other causes fresh processes prove nothing about repetitions.
        So both have to differ at one place first: which one, may hang on what was drawn.
        """
        if not diagnosis.findings or diagnosis.findings[0].cause is not Cause.UNKNOWN:
            return diagnosis
        finding = diagnosis.findings[0]
        places = {explained.arrival for explained in self._explain_pairs(repetitions)}
        places.add(finding.location)
        for explained in self._found:
            if explained.arrival not in places or not explained.is_from_outside:
                continue
            named = settle_finding(explained)
            if named.cause is Cause.UNKNOWN and self._are_equal_with_seeds():
                note = f"{FRESH_RUNS} fresh processes with seeds for NumPy's generators are equal"
                named = with_cause(finding, Cause.UNSEEDED_RNG, note)
            if named.cause is Cause.UNSEEDED_RNG:
                return replace(diagnosis, findings=(_advise(named), *diagnosis.findings[1:]))
            return diagnosis
        return diagnosis

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
            runs = self._make("seeded", "fresh process with seeds", _SEEDED)
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


def _advise(finding: Finding) -> Finding:
    assert finding.fix is not None
    return replace(finding, fix=replace(finding.fix, advice=_ADVICE))
