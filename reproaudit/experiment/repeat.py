"""The experiment within one process.

Code that is at hand is repeated, all that it computed is compared, and state that one repetition
leaves for the next is told apart from other causes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.computed import count_operators, refine_classes
from reproaudit.comparison.entropy import Strength, differing_calls
from reproaudit.comparison.files import carried_files
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged, judge
from reproaudit.comparison.localise import Localisation, Origin, localise
from reproaudit.config.subject import SubjectSpec
from reproaudit.config.tolerance import Tolerance
from reproaudit.diagnose.attribute import settle_finding
from reproaudit.diagnose.diagnosis import Diagnosis, Diagnostician
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import Explanation, explain_sources
from reproaudit.errors import ReproauditError
from reproaudit.experiment.conclude import conclude
from reproaudit.experiment.excerpts import SourceFolder
from reproaudit.experiment.fresh import FRESH_RUNS, FreshRuns, blame_repetitions
from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.cause import Cause
from reproaudit.model.events import Level, NotChecked, Unchecked
from reproaudit.model.result import AuditResult, Finding, Isolation
from reproaudit.model.verdict import Verdict
from reproaudit.runs.budget import Budget
from reproaudit.runs.in_process import InProcessLab
from reproaudit.runs.owner import make_temporary_folder
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

_BUDGET = Budget(runs=60, seconds=30.0)
_MOST_IMPORTING = 2  # repetitions whose operators do not count because they imported modules
_EVIDENCE_RUNS = 4  # at most, to see the difference again while more is recorded
_MOST_WRITTEN = 3  # notes on memory that one repetition wrote and the next one read
_UNPROVEN = "whether the difference is carried state"
_NEVER_SEEN = (
    "string hash order, memory layout and what is drawn at import time are the same in all "
    "repetitions of one process"
)
_NO_PROOF = "not proven: it was not compared with fresh processes"


@dataclass(frozen=True, slots=True)
class RepeatOptions:
    """What is repeated and how.

    `name` is shown as the subject, `subject.file` is where its source lies. `fresh` makes runs of
    the same code in fresh processes, or is None where that cannot be done. `carry` runs the code
    twice and returns notes on what the second time read of what the first had written.
    """

    name: str
    subject: SubjectSpec
    runs: int = 5
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    budget: Budget = _BUDGET
    fresh: Callable[[Path], RunMaker] | None = None
    carry: Callable[[], Sequence[str]] | None = None
    diagnose: bool = True


def repeat(
    options: RepeatOptions, make_lab: Callable[[Path], RunMaker], isolation: Isolation
) -> AuditResult:
    """Make the repetitions, or the fresh processes, and conclude. Traces are temporary.

    Raises whatever the code raises in the first repetition within this process.
    """
    folder = make_temporary_folder()
    try:
        return _Repetitions(options, make_lab(folder), folder, isolation).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Repetitions:
    """One experiment under way: the repetitions, and the runs that diagnose them."""

    def __init__(
        self, options: RepeatOptions, lab: RunMaker, folder: Path, isolation: Isolation
    ) -> None:
        self.options = options
        self.lab = lab
        self.interned = Interned()
        self.folder = folder
        self.isolation = isolation
        self.notes: list[NotChecked] = []
        self.fresh: FreshRuns | None = None  # once they were made

    def run(self) -> AuditResult:
        runs = self._leave_out_imports(self._repeat())
        judged = self._judge(runs)
        diagnosis = Diagnosis()
        if len(judged.comparison.classes) > 1:
            diagnosis = self._diagnose(judged)
            if self.fresh is not None:
                diagnosis = self.fresh.explain_unknown(diagnosis, judged.runs)
        if self.isolation is Isolation.INPROCESS:
            self.notes.append(
                NotChecked(
                    Unchecked.SAME_PROCESS, "what only differs between processes", _NEVER_SEEN
                )
            )
        result = conclude(
            judged,
            diagnosis.findings,
            (),
            notes=[*self.notes, *diagnosis.notes],
            settings=(),
            subject=self.options.name,
            next_commands=_suggest_explanation(diagnosis.findings),
            trials=diagnosis.trials,
            is_complete=diagnosis.is_complete,
            warnings=diagnosis.warnings,
            runs_made=self.lab.runs_made,
            ops=self._align_ops(judged, diagnosis),
            source=SourceFolder(self.options.subject.folder),
        )
        return replace(result, isolation=self.isolation)

    def _align_ops(self, judged: Judged, diagnosis: Diagnosis) -> AlignedOps | None:
        """Return the operators around what differs: repetitions record all of them."""
        pair = judged.representatives
        if pair is None:
            return None
        recorded = diagnosis.recorded or RunPair(*pair, localise(*pair, self.interned))
        return recorded.align_around_sources(self.interned)

    # Repeating

    def _repeat(self) -> list[Run]:
        """Repeat until as many repetitions as were wanted imported nothing."""
        runs: list[Run] = []
        while len(runs) - len(self._find_importing()) < self.options.runs:
            index = len(runs)
            # What comes from outside PyTorch is followed only once repetitions differ.
            request = RunRequest(
                name=f"run-{index}",
                index=index,
                what="repeating",
                level=Level.OPERATION,
                outside=False,
            )
            runs.append(self.lab.run(request))
        return runs

    def _find_importing(self) -> frozenset[int]:
        """Return the numbers of first repetitions that imported modules.

        Operators at import time are of no interest.
        """
        if not isinstance(self.lab, InProcessLab):
            return frozenset()  # a fresh process imports everything each time
        names = self.lab.importing
        return frozenset(index for index in range(_MOST_IMPORTING) if f"run-{index}" in names)

    def _leave_out_imports(self, runs: list[Run]) -> list[Run]:
        """Leave out repetitions that imported modules.

        They stay if they alone gave something else: that may be a cache.
        """
        importing = self._find_importing()
        kept = [run for run in runs if run.index not in importing]
        if self._differ(runs) and not self._differ(kept):
            return runs
        return [replace(run, index=index) for index, run in enumerate(kept)]

    def _differ(self, runs: Sequence[Run]) -> bool:
        """Return True if the runs differ at boundaries, or end differently."""
        endings = {run.outcome.ending for run in runs}
        return len(endings) > 1 or len(compare_boundaries(runs, self.interned).classes) > 1

    # Comparing

    def _judge(self, runs: list[Run]) -> Judged:
        """Judge by boundary tensors and what was returned.

        Without a tolerance every operator counts too. With one it cannot: the values of operators
        are not kept, and their digests say nothing of how far results are apart.
        """
        comparison = compare_boundaries(runs, self.interned)
        if all(tolerance.is_bitwise for tolerance in self.options.tolerances.values()):
            # The repetitions that imported are among the runs only if there are more than wanted.
            left_out = self._find_importing() if len(runs) > self.options.runs else frozenset()
            ops = count_operators(runs[-1])
            comparison = replace(
                comparison,
                classes=refine_classes(comparison.classes, runs, self.interned, left_out),
                compared=comparison.compared + ops,
                counts=(*comparison.counts, ("operator", ops)),
            )
        return judge(runs, comparison, self.options.tolerances)

    # Diagnosing

    def _diagnose(self, judged: Judged) -> Diagnosis:
        pair = judged.representatives
        assert pair is not None
        # What differs again without more ado is explained best. What only the first repetition did
        # shows in the pair.
        found = self._explain_with_evidence()
        if not found:
            found = self._explain(pair, localise(*pair, self.interned))
        if self.isolation is Isolation.INPROCESS and not _is_decided(found):
            carried = self._find_carried_state(found)
            if carried is not None:
                return Diagnosis(findings=(carried,))
        # Interventions are tried by comparing boundaries: without a difference there, every trial
        # would look like a success.
        at_boundaries = len(compare_boundaries(judged.runs, self.interned).classes) > 1
        diagnosis = Diagnosis()
        if self.options.diagnose and judged.verdict is Verdict.NOT_REPRODUCIBLE and at_boundaries:
            diagnosis = Diagnostician(self.lab, judged, None, interned=self.interned).run()
            if diagnosis.was_interrupted:
                # Ctrl-C is for the whole session of tests, not for one diagnosis
                raise KeyboardInterrupt
        if diagnosis.findings and self.isolation is Isolation.INPROCESS:
            return _place_carried_state(diagnosis, found)
        if diagnosis.findings:
            return diagnosis
        # Its runs may all have been equal, or its budget too small. What was seen before stands.
        findings = tuple(settle_finding(one) for one in found)
        return replace(diagnosis, findings=findings)

    def _explain_with_evidence(self) -> tuple[Explanation, ...]:
        """Repeat until two repetitions differ again, following what comes from outside.

        Empty if they do not differ.
        """
        runs: list[Run] = []
        for number in range(_EVIDENCE_RUNS):
            request = RunRequest(
                name=f"evidence-{number}",
                index=number,
                what="collecting evidence",
                level=Level.OPERATION,
            )
            runs.append(self.lab.run(request))
            localisation = localise(runs[0], runs[-1], self.interned)
            if not localisation.is_equal:
                return self._explain((runs[0], runs[-1]), localisation)
        return ()

    def _explain(
        self, pair: tuple[Run, Run], localisation: Localisation
    ) -> tuple[Explanation, ...]:
        calls = differing_calls(*pair, self.interned)
        return explain_sources(localisation.sources, pair, calls, carried=carried_files(pair))

    def _find_carried_state(self, found: Sequence[Explanation]) -> Finding | None:
        """Return the finding if the difference is state that one repetition leaves for the next.

        None if it is not. Proof is that fresh processes, which each make one repetition, are equal.
        Where none can be made, memory that one repetition wrote and the next one read is taken as a
        sign, and said to be no more.
        """
        written = tuple(self.options.carry()) if self.options.carry is not None else ()
        are_equal = self._compare_fresh_runs()
        if are_equal is False or not found:
            return None
        if not are_equal and not written:
            return None
        proof = _NO_PROOF
        if are_equal:
            proof = f"{FRESH_RUNS} fresh processes that each ran it once are equal"
        first = found[0].finding
        notes = (*first.evidence.notes, proof, *written[:_MOST_WRITTEN])
        return blame_repetitions(first, notes)

    def _compare_fresh_runs(self) -> bool | None:
        """Return True if fresh processes that run the code once are equal; None if it is unknown.

        Why it is unknown is noted.
        """
        if self.options.fresh is None:
            self._note_not_proven("no fresh process can run this code")
            return None
        try:
            lab = self.options.fresh(self.folder / "fresh")
            self.fresh = FreshRuns(lab, self.interned)
            return self.fresh.compare()
        except ReproauditError as error:
            self._note_not_proven(error.message)
            return None

    def _note_not_proven(self, why: str) -> None:
        self.notes.append(NotChecked(Unchecked.NOT_PROVEN, _UNPROVEN, why))


def _place_carried_state(diagnosis: Diagnosis, found: Sequence[Explanation]) -> Diagnosis:
    """Return the diagnosis; carried state that further repetitions showed gets its place.

    It is known from the first repetitions, which alone differed: later ones cannot show it.
    """
    finding = diagnosis.findings[0]
    if finding.cause is not Cause.CARRIED_STATE or not found:
        return diagnosis
    first = found[0].finding
    if finding.location is not None:
        first = finding
    notes = (*first.evidence.notes, *finding.evidence.notes)
    carried = blame_repetitions(first, tuple(dict.fromkeys(notes)))
    return replace(diagnosis, findings=(carried, *diagnosis.findings[1:]))


def _suggest_explanation(findings: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(f"reproaudit explain {finding.rule}" for finding in findings[:1])


def _is_decided(found: Sequence[Explanation]) -> bool:
    """Return True if the first source cannot be carried state.

    It is not where an op turned equal inputs into different outputs, nor where a call brought in
    something of the outside world other than the state of a generator.
    """
    if not found:
        return False
    if found[0].source.origin is Origin.OP:
        return True
    call = found[0].call
    return call is not None and call.strength is Strength.SPECIFIC and not call.state_differed
