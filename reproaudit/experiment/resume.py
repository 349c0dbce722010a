"""Whether a run that goes on from a checkpoint equals one that nothing interrupts."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.continuation import (
    Beginning,
    compare_from,
    find_beginning,
    list_saving_steps,
)
from reproaudit.compare.interning import Interned
from reproaudit.compare.judge import Judged, judge
from reproaudit.compare.localise import localise
from reproaudit.config.settings import list_settings
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.errors import SubjectError
from reproaudit.experiment.conclude import conclude, measure_confidence, summarise_run
from reproaudit.experiment.early_end import ENDS, EarlyEnd
from reproaudit.experiment.excerpts import SourceFolder
from reproaudit.experiment.options import make_setup
from reproaudit.experiment.resume_findings import explain_resumed, make_anew_finding
from reproaudit.experiment.resume_runs import (
    RESUMED,
    STOPPED,
    UNINTERRUPTED,
    ResumeOptions,
    ResumeRuns,
    name_stop,
    require_resumable,
)
from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.events import Level, NotChecked
from reproaudit.model.question import Question, Resumption
from reproaudit.model.result import AuditResult, Confidence, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.report.headline import word_resumption
from reproaudit.runs.lab import Lab
from reproaudit.runs.owner import make_temporary_folder
from reproaudit.runs.places import make_folder_of_runs
from reproaudit.runs.progress import Progress
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.trace.runs import Run


def resume(options: ResumeOptions, progress: Progress, out: Path | None = None) -> AuditResult:
    """Compare a run that is stopped and gone on with to uninterrupted ones.

    Traces stay in `out` if it is given. Raises SubjectError if the program fails, cannot be
    stopped, leaves no checkpoint, or cannot go on; what was recorded is kept.
    """
    require_resumable(options.audit.subject)
    if out is not None:
        make_folder_of_runs(out)
    folder = out or make_temporary_folder()
    with keep_what_was_recorded(folder, is_temporary=out is None):
        experiment = _Resuming(options, progress, folder)
        with contextlib.closing(experiment.lab):
            return experiment.run()


@dataclass(frozen=True, slots=True)
class _Diagnosis:
    """What was found out about a difference."""

    findings: tuple[Finding, ...] = ()
    ops: AlignedOps | None = None
    notes: tuple[NotChecked, ...] = field(default=())


class _Resuming:
    """One comparison under way."""

    def __init__(self, options: ResumeOptions, progress: Progress, folder: Path) -> None:
        self.options = options
        audit = options.audit
        self.lab = Lab(
            audit.subject,
            audit.settings,
            folder,
            progress,
            setup=make_setup(audit),
            budget=audit.budget,
        )
        self._runs = ResumeRuns(options, self.lab)

    def run(self) -> AuditResult:
        """Raises SubjectError, and KeyboardInterrupt if it comes before there is an answer."""
        options = self.options
        stopped: Run | None = None
        at = options.at
        if at is None:
            stopped = self._runs.stop()
            at = stopped.steps
        first, second = self._runs.run_through(at)
        self._require_reproducible(first, second)
        stopped = stopped or self._runs.stop()
        saved = list_saving_steps(stopped)
        resumed = self._runs.go_on(
            RESUMED,
            "run that goes on",
            steps=self._limit_resumed(first, saved[-1] if saved else 0),
        )
        interned = Interned(options.audit.ignored)
        beginning = find_beginning(first, resumed, saved, interned)
        if beginning is None:
            raise SubjectError(
                "nobody can tell with which step the run went on: none of the uninterrupted run "
                "computes what it does first",
                code="not-aligned",
                hint="did it load the checkpoint of the run before? It was started as: "
                f"{self._command}",
            )
        compared = self._choose_first_step(beginning, saved)
        compare_from(first, resumed, compared, interned)
        judged = judge(
            [first, resumed],
            compare_boundaries([first, resumed], interned),
            options.audit.tolerances,
        )
        diagnosis = self._diagnose(judged, beginning, compared, interned, saved)
        resumption = Resumption(
            asked=options.at,
            step=beginning.step,
            stopped_by=name_stop(options, stopped),
            command=self._command,
        )
        return self._conclude(
            judged, diagnosis, resumption, compared, (first, second, stopped, resumed)
        )

    @property
    def _command(self) -> str:
        subject = self._runs.resumed_subject
        return shlex.join([*subject.words, *subject.argv])

    def _require_reproducible(self, first: Run, second: Run) -> None:
        comparison = compare_boundaries([first, second], Interned(self.options.audit.ignored))
        if len(comparison.classes) > 1:
            raise SubjectError(
                "two uninterrupted runs differ: a resumed run cannot be told from another one",
                code="not-reproducible",
                hint=f"find out why first: reproaudit {self.options.audit.subject.command}",
            )

    def _limit_resumed(self, first: Run, begin: int) -> int | None:
        """Return after how many of its steps the resumed run is stopped.

        Where the other one went to its end, one more than that had left: it may go too far.
        """
        left = first.steps - begin
        return left if self.lab.steps is not None else left + 1

    @staticmethod
    def _choose_first_step(beginning: Beginning, saved: Sequence[int]) -> int:
        """Return the step that is compared first; of a run that began anew that is where it should
        have gone on."""
        if beginning.step == 0 and saved:
            return saved[-1]
        return beginning.step

    def _diagnose(
        self,
        judged: Judged,
        beginning: Beginning,
        compared: int,
        interned: Interned,
        saved: Sequence[int],
    ) -> _Diagnosis:
        if judged.representatives is None:
            return _Diagnosis()
        if beginning.step < compared:
            return _Diagnosis((make_anew_finding(compared),))
        if not self.options.audit.diagnose:
            return _Diagnosis()
        try:
            a = self._runs.record_through()
            steps = self._limit_resumed(a, beginning.step)
            c = self._runs.go_on(
                f"{RESUMED}-recorded",
                "run that goes on, recording every operator",
                steps=steps,
                level=Level.OPERATION,
            )
        except ENDS as error:
            note = EarlyEnd(0).come(error, "after the runs that decide")
            return _Diagnosis(notes=(note,))
        compare_from(a, c, compared, interned)
        recorded = RunPair(a, c, localise(a, c, interned))
        findings = explain_resumed(
            recorded, reordered=judged.same_samples_reordered, begin=compared
        )
        return _Diagnosis(findings, recorded.align_around_sources(interned))

    def _conclude(
        self,
        judged: Judged,
        diagnosis: _Diagnosis,
        resumption: Resumption,
        compared: int,
        runs: tuple[Run, Run, Run, Run],
    ) -> AuditResult:
        first, second, _, resumed = runs
        audit = self.options.audit
        result = conclude(
            judged,
            diagnosis.findings,
            (),
            notes=[*self.lab.notes, *diagnosis.notes],
            settings=list_settings(audit.settings),
            subject=audit.subject.command,
            next_commands=(),
            level=audit.level,
            has_end=True,
            runs_made=self.lab.runs_made,
            folder=audit.subject.shown_folder,
            span=(compared, min(first.steps, compared + resumed.steps)),
            ops=diagnosis.ops,
            source=SourceFolder(audit.subject.folder) if audit.shows_source else None,
        )
        conditions = (UNINTERRUPTED, UNINTERRUPTED, STOPPED, RESUMED)
        summaries = (summarise_run(run) for run in runs)
        # The second uninterrupted run equals the first one, or there is no answer.
        classes = tuple(
            (*group, second.index) if first.index in group else group for group in result.classes
        )
        is_equal = result.verdict is Verdict.REPRODUCIBLE
        result = replace(
            result,
            question=Question.RESUME,
            resumption=resumption,
            # Of runs that were made to differ, a rate says nothing.
            confidence=measure_confidence([3], audit.level, is_equal=True)
            if is_equal
            else Confidence(audit.level),
            runs=tuple(
                replace(summary, condition=condition)
                for summary, condition in zip(summaries, conditions, strict=True)
            ),
            classes=tuple(tuple(sorted(group)) for group in classes),
        )
        return replace(result, headline=word_resumption(result))
