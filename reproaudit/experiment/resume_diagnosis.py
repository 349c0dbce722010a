"""Why a resumed run differs: where it first does, which state it lost, and whether random streams
alone make it equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.continuation import Beginning, compare_from
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged
from reproaudit.comparison.localise import localise
from reproaudit.diagnose.lost_state import explain_lost_state, explain_unused_state
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.errors import SubjectError
from reproaudit.experiment.early_end import ENDS, EarlyEnd
from reproaudit.experiment.resume_findings import (
    STREAMS_FIX,
    blame_lost_state,
    explain_resumed,
    make_anew_finding,
    prove_streams,
)
from reproaudit.experiment.resume_runs import RESUMED, ResumeRuns, count_left
from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.events import NotChecked
from reproaudit.model.question import LostState, StateKind
from reproaudit.model.result import Finding, Trial
from reproaudit.model.verdict import Verdict
from reproaudit.trace.runs import Run
from reproaudit.trace.words import STREAMS_FILE


@dataclass(frozen=True, slots=True)
class Pair:
    """An uninterrupted run and one that goes on where a third was stopped, compared from step
    `begin` of the first on."""

    through: Run
    stopped: Run
    resumed: Run
    beginning: Beginning
    begin: int
    interned: Interned
    again: Run | None = None  # a second uninterrupted run

    @property
    def began_anew(self) -> bool:
        """True if the resumed run computes first what the other one does before `begin`."""
        return self.beginning.step < self.begin


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found out about a difference."""

    findings: tuple[Finding, ...] = ()
    lost: tuple[LostState, ...] = ()
    ops: AlignedOps | None = None
    trials: tuple[Trial, ...] = ()
    notes: tuple[NotChecked, ...] = ()


def diagnose(judged: Judged, pair: Pair, runs: ResumeRuns, *, is_wanted: bool) -> Diagnosis:
    """Say what was not restored; empty where all is as it ought to be, or nobody wants to know.

    State that no tensor depends on yet is told also then, where nothing that was compared differs:
    the verdict rests on it.
    """
    if judged.representatives is None:
        return _find_unused(judged, pair)
    if pair.began_anew:
        return Diagnosis((make_anew_finding(pair.begin),))
    if not is_wanted:
        return Diagnosis()
    try:
        through = runs.record_through(pair.begin)
        resumed = runs.record_resumed(count_left(through, pair.begin))
    except ENDS as error:
        return Diagnosis(notes=(_note(error, "after the runs that decide"),))
    compare_from(through, resumed, pair.begin, pair.interned)
    recorded = RunPair(through, resumed, localise(through, resumed, pair.interned))
    lost = explain_lost_state(through, pair.stopped, resumed, pair.begin)
    found = explain_resumed(recorded, reordered=judged.same_samples_reordered, begin=pair.begin)
    diagnosis = Diagnosis(
        findings=blame_lost_state(found, lost, begin=pair.begin),
        lost=lost,
        ops=recorded.align_around_sources(pair.interned),
    )
    if not diagnosis.findings or not _may_be_streams(lost):
        return diagnosis
    try:
        return _try_streams(diagnosis, pair, through, runs)
    except ENDS as error:
        return replace(diagnosis, notes=(_note(error, "before a fix was tried"),))


def _find_unused(judged: Judged, pair: Pair) -> Diagnosis:
    if judged.verdict is not Verdict.REPRODUCIBLE:
        return Diagnosis()
    lost = _list_unused(pair, pair.resumed)
    return Diagnosis(findings=blame_lost_state((), lost, begin=pair.begin), lost=lost)


def _list_unused(pair: Pair, resumed: Run) -> tuple[LostState, ...]:
    """Return the state that a resumed run lost and that no tensor of it depends on."""
    if pair.again is None:
        return ()
    return explain_unused_state((pair.through, pair.again), pair.stopped, resumed, pair.begin)


def _may_be_streams(lost: Sequence[LostState]) -> bool:
    return not lost or any(one.kind is StateKind.RANDOM_STREAM for one in lost)


def _try_streams(diagnosis: Diagnosis, pair: Pair, through: Run, runs: ResumeRuns) -> Diagnosis:
    """Go on once more, with the random streams that the uninterrupted run has there."""
    known = through.main.directory / STREAMS_FILE
    if not known.is_file():
        return diagnosis
    run = runs.go_on(
        f"{RESUMED}-with-streams",
        "run that goes on with the random streams of the uninterrupted one",
        steps=count_left(pair.through, pair.begin),
        given_streams=str(known.absolute()),
    )
    interned = Interned(pair.interned.ignored)
    compare_from(pair.through, run, pair.begin, interned)
    compared = compare_boundaries([pair.through, run], interned)
    ends = {one.outcome.ending for one in (run, pair.through)}
    is_equal = len(compared.classes) == 1 and len(ends) == 1
    trial = Trial(settings=(STREAMS_FIX,), runs=1, is_equal=is_equal, plain_differ=True)
    diagnosis = replace(diagnosis, trials=(trial,))
    if not is_equal:
        return diagnosis
    # What else is not as it was makes no difference so far.
    streams = tuple(one for one in diagnosis.lost if one.kind is StateKind.RANDOM_STREAM)
    unused = _list_unused(pair, run)
    findings = prove_streams(diagnosis.findings)
    if unused:
        findings += blame_lost_state((), unused, begin=pair.begin)
    return replace(diagnosis, findings=findings, lost=streams + unused)


def _note(error: BaseException, when: str) -> NotChecked:
    if isinstance(error, SubjectError):
        when = f"{when}, as a run failed"
    return EarlyEnd(0).come(error, when)
