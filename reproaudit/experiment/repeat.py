"""The experiment within one process: repeat code that is at hand, compare all it computed, tell
carried state apart."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.computed import count_operators, refined
from reproaudit.compare.entropy import Strength, differing_calls
from reproaudit.compare.files import carried_files
from reproaudit.compare.interning import Interned
from reproaudit.compare.judge import Judged, judge
from reproaudit.compare.localise import Localisation, Origin, localise
from reproaudit.config.subject import SubjectSpec
from reproaudit.config.tolerance import Tolerance
from reproaudit.diagnose.attribute import drop_clock_suspicion
from reproaudit.diagnose.diagnosis import Diagnosis, Diagnostician
from reproaudit.diagnose.sources import Explanation, explain_sources, with_cause
from reproaudit.errors import ReproauditError
from reproaudit.experiment.conclude import conclude
from reproaudit.model.events import Level, NotChecked, Unchecked
from reproaudit.model.result import AuditResult, Cause, Finding, Isolation
from reproaudit.model.verdict import Verdict
from reproaudit.runs.budget import Budget
from reproaudit.runs.in_process import InProcessLab
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

_BUDGET = Budget(runs=60, seconds=30.0)
_FRESH_RUNS = (
    3  # that must be equal before a difference between repetitions is called carried state
)
_MOST_IMPORTING = 2  # repetitions whose operators do not count because they imported modules
_EVIDENCE_RUNS = 4  # at most, to see the difference again while more is recorded
_UNPROVEN = "whether the difference is carried state"
_NEVER_SEEN = (
    "string hash order, memory layout and what is drawn at import time are the same in all "
    "repetitions of one process"
)


@dataclass(frozen=True, slots=True)
class RepeatOptions:
    """What is repeated and how. `name` is shown as the subject, `subject.file` is where its source
    lies.

    `fresh` makes runs of the same code in fresh processes, or is None where that cannot be done.
    `carry` runs the code twice and returns notes on what the second time read of what the first had
    written.
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
    folder = Path(tempfile.mkdtemp(prefix="ra-"))
    try:
        return _Repeated(options, make_lab(folder), folder, isolation).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Repeated:
    def __init__(
        self, options: RepeatOptions, lab: RunMaker, folder: Path, isolation: Isolation
    ) -> None:
        self.options = options
        self.lab = lab
        self.interned = Interned()
        self.folder = folder
        self.isolation = isolation
        self.notes: list[NotChecked] = []

    def run(self) -> AuditResult:
        options = self.options
        runs: list[Run] = []
        while len(runs) - len(self._importing()) < options.runs:
            index = len(runs)
            runs.append(
                self.lab.run(
                    RunRequest(
                        name=f"run-{index}",
                        index=index,
                        what="repeating",
                        level=Level.OPERATION,
                        outside=False,
                    )
                )
            )
        runs = self._without_imports(runs)
        judged = self._judge(runs)
        diagnosis = Diagnosis()
        if len(judged.comparison.classes) > 1:
            diagnosis = self._diagnose(judged)
        if self.isolation is Isolation.INPROCESS:
            self.notes.append(
                NotChecked(
                    Unchecked.SAME_PROCESS, "what only differs between processes", _NEVER_SEEN
                )
            )
        return replace(
            conclude(
                judged,
                diagnosis.findings,
                (),
                notes=[*self.notes, *diagnosis.notes],
                settings=(),
                subject=options.name,
                next_commands=self._next(diagnosis.findings),
                trials=diagnosis.trials,
                is_complete=diagnosis.is_complete,
                warnings=diagnosis.warnings,
                runs_made=self.lab.runs_made,
            ),
            isolation=self.isolation,
        )

    def _importing(self) -> frozenset[int]:
        """Return the numbers of first repetitions that imported modules: ops at import time are of
        no interest."""
        names = self.lab.importing if isinstance(self.lab, InProcessLab) else ()
        return frozenset(index for index in range(_MOST_IMPORTING) if f"run-{index}" in names)

    def _without_imports(self, runs: list[Run]) -> list[Run]:
        """Leave out repetitions that imported modules, unless they alone gave something else: that
        may be a cache."""
        kept = [run for run in runs if run.index not in self._importing()]
        classes, others = (compare_boundaries(some, self.interned).classes for some in (runs, kept))
        ends, other_ends = (
            {(run.outcome.kind, run.outcome.code) for run in some} for some in (runs, kept)
        )
        if (len(classes) > 1 or len(ends) > 1) and len(others) == len(other_ends) == 1:
            return runs
        return [replace(run, index=index) for index, run in enumerate(kept)]

    def _next(self, findings: Sequence[Finding]) -> tuple[str, ...]:
        return tuple(f"reproaudit explain {finding.rule}" for finding in findings[:1])

    # Comparing

    def _judge(self, runs: list[Run]) -> Judged:
        """Judge by boundary tensors and what was returned, and by every operator unless there is a
        tolerance."""
        comparison = compare_boundaries(runs, self.interned)
        ops = count_operators(runs[-1])
        if all(tolerance.is_bitwise for tolerance in self.options.tolerances.values()):
            left_out = self._importing() if len(runs) > self.options.runs else frozenset()
            classes = refined(comparison.classes, runs, self.interned, left_out)
            comparison = replace(comparison, classes=classes)
            comparison = replace(
                comparison,
                compared=comparison.compared + ops,
                counts=(*comparison.counts, ("operator", ops)),
            )
        return judge(runs, comparison, self.options.tolerances)

    # Diagnosing

    def _diagnose(self, judged: Judged) -> Diagnosis:
        pair = judged.representatives
        assert pair is not None
        # What differs again without more ado is explained best; what only the first repetition did
        # shows in the pair.
        found = self._explained_with_evidence() or self._explain(
            pair, localise(*pair, self.interned)
        )
        if self.isolation is Isolation.INPROCESS and not _is_decided(found):
            carried = self._carried(found)
            if carried is not None:
                return Diagnosis(findings=carried)
        at_boundaries = len(compare_boundaries(judged.runs, self.interned).classes) > 1
        if self.options.diagnose and judged.verdict is Verdict.NOT_REPRODUCIBLE and at_boundaries:
            diagnosis = Diagnostician(self.lab, judged, (), interned=self.interned).run()
            if diagnosis.was_interrupted:
                # Ctrl-C is for the whole session of tests, not for one diagnosis
                raise KeyboardInterrupt
            return diagnosis
        return Diagnosis(findings=tuple(drop_clock_suspicion(one) for one in found))

    def _explained_with_evidence(self) -> tuple[Explanation, ...]:
        """Repeat until two repetitions differ again, following what comes from outside; empty if
        they do not."""
        runs: list[Run] = []
        for number in range(_EVIDENCE_RUNS):
            runs.append(
                self.lab.run(
                    RunRequest(
                        name=f"evidence-{number}",
                        index=number,
                        what="collecting evidence",
                        level=Level.OPERATION,
                    )
                )
            )
            found = localise(runs[0], runs[-1], self.interned)
            if not found.is_equal:
                return self._explain((runs[0], runs[-1]), found)
        return ()

    def _explain(
        self, pair: tuple[Run, Run], localisation: Localisation
    ) -> tuple[Explanation, ...]:
        calls = differing_calls(*pair, self.interned)
        return explain_sources(localisation.sources, pair, calls, carried=carried_files(pair))

    def _carried(self, found: Sequence[Explanation]) -> tuple[Finding, ...] | None:
        """Return the findings if the difference is state that one repetition leaves for the next;
        None if it is not.

        Proof is that fresh processes, which each make one repetition, are equal. Where none can be
        made, memory that one repetition wrote and the next one read is taken as a sign, and said to
        be no more.
        """
        written = tuple(self.options.carry()) if self.options.carry is not None else ()
        equal = self._fresh_runs_are_equal()
        if equal is False or not found or not (equal or written):
            return None
        proof = (
            f"{_FRESH_RUNS} fresh processes that each ran it once are equal" if equal else _NO_PROOF
        )
        notes = (proof, *written[:3])
        first = found[0].finding
        title = "state carried from one repetition to the next"
        finding = with_cause(replace(first, fix=None), Cause.CARRIED_STATE)
        evidence = replace(first.evidence, notes=(*first.evidence.notes, *notes))
        fix = replace(finding.fix, advice=_CARRIED_ADVICE) if finding.fix is not None else None
        return (replace(finding, title=title, evidence=evidence, fix=fix),)

    def _fresh_runs_are_equal(self) -> bool | None:
        """Run the code once in each of some fresh processes; None if that cannot be done."""
        if self.options.fresh is None:
            self.notes.append(
                NotChecked(Unchecked.NOT_PROVEN, _UNPROVEN, "no fresh process can run this code")
            )
            return None
        folder = self.folder / "fresh"
        try:
            lab = self.options.fresh(folder)
            runs = [
                lab.run(
                    RunRequest(
                        name=f"run-{index}",
                        index=index,
                        what=f"fresh process {index + 1}",
                        level=Level.OPERATION,
                    )
                )
                for index in range(_FRESH_RUNS)
            ]
        except ReproauditError as error:
            self.notes.append(NotChecked(Unchecked.NOT_PROVEN, _UNPROVEN, error.message))
            return None
        comparison = compare_boundaries(runs, self.interned)
        classes = refined(comparison.classes, runs, self.interned)
        failed = next((run.outcome for run in runs if not run.outcome.is_success), None)
        if failed is not None:
            self.notes.append(
                NotChecked(
                    Unchecked.NOT_PROVEN, _UNPROVEN, f"a fresh process failed: {failed.detail}"
                )
            )
            return None
        return len(classes) == 1


_NO_PROOF = "not proven: it was not compared with fresh processes"
_CARRIED_ADVICE = (
    "make what is repeated start from its own state: build models, optimizers, generators and "
    "caches inside it, or reset them"
)


def _is_decided(found: Sequence[Explanation]) -> bool:
    """Tell whether the first source cannot be carried state: an op that turned equal inputs into
    different outputs, or a call that brought in something of the outside world other than the state
    of a generator."""
    if not found:
        return False
    call = found[0].call
    is_call = call is not None and call.strength is Strength.SPECIFIC and not call.state_differed
    return found[0].source.origin is Origin.OP or is_call
