"""From uninterrupted, stopped and resumed runs to one result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reproaudit.compare.judge import Judged
from reproaudit.config.settings import list_settings
from reproaudit.experiment.conclude import conclude, measure_confidence, summarise_run
from reproaudit.experiment.excerpts import SourceFolder
from reproaudit.experiment.resume_runs import RESUMED, STOPPED, UNINTERRUPTED, ResumeOptions
from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.model.question import Question, Resumption
from reproaudit.model.result import AuditResult, Confidence, Finding, Trial
from reproaudit.model.verdict import Verdict
from reproaudit.report.headline import word_resumption
from reproaudit.trace.runs import Run

_NO_PROOF = "the program differs from run to run as it is, and no repair of that was proven"


@dataclass(frozen=True, slots=True)
class Resumed:
    """The runs that were compared: those that nothing interrupted, all equal, one that was stopped,
    and one that went on, compared from step `begin` on. `held`: interventions that all were made
    under."""

    through: tuple[Run, ...]
    stopped: Run
    resumed: Run
    begin: int
    held: tuple[str, ...]
    resumption: Resumption


def make_unanswered(options: ResumeOptions, as_it_is: AuditResult) -> AuditResult:
    """Return the result of a program that differs by itself, or that could not be audited: what an
    audit of it gives. Runs that differ within a tolerance are no answer either."""
    resumption = Resumption(asked=options.at, step=None, stopped_by="", command="")
    what = "whether a resumed run equals it"
    if as_it_is.verdict is Verdict.NOT_AUDITED:
        note = NotChecked(Unchecked.AUDIT_ENDED, what, as_it_is.headline)
        headline = f"the program was not audited as it is: {as_it_is.headline}"
    else:
        note = NotChecked(Unchecked.NOT_PROVEN, what, _NO_PROOF)
        headline = f"the program is not reproducible as it is: {as_it_is.headline}"
    is_decided = as_it_is.verdict is Verdict.NOT_REPRODUCIBLE
    return replace(
        as_it_is,
        verdict=as_it_is.verdict if is_decided else Verdict.NOT_AUDITED,
        question=Question.RESUME,
        resumption=resumption,
        not_checked=(note, *as_it_is.not_checked),
        headline=headline,
    )


def make_result(
    options: ResumeOptions,
    as_it_is: AuditResult,
    judged: Judged,
    runs: Resumed,
    *,
    findings: Sequence[Finding],
    ops: AlignedOps | None,
    trials: Sequence[Trial],
    notes: Sequence[NotChecked],
    runs_made: int,
) -> AuditResult:
    """Put together what was found out.

    `as_it_is` is what the audit of the uninterrupted program gave, `judged` compares the first of
    these with the one that went on.
    """
    audit = options.audit
    first = runs.through[0]
    end = min(first.steps, runs.begin + runs.resumed.steps)
    result = conclude(
        judged,
        (*as_it_is.findings, *findings),
        (),
        notes=notes,
        settings=list_settings(audit.settings),
        subject=audit.subject.command,
        next_commands=(),
        level=audit.level,
        trials=(*as_it_is.trials, *trials),
        warnings=as_it_is.warnings,
        runs_made=runs_made,
        folder=audit.subject.shown_folder,
        span=(runs.begin, end),
        ops=ops,
        source=SourceFolder(audit.subject.folder) if audit.shows_source else None,
    )
    made = [*((run, UNINTERRUPTED) for run in runs.through), (runs.stopped, STOPPED)]
    made.append((runs.resumed, RESUMED))
    equal = tuple(run.index for run in runs.through)
    is_equal = result.verdict is Verdict.REPRODUCIBLE
    sizes = [len(runs.through) + 1]
    result = replace(
        result,
        question=Question.RESUME,
        resumption=runs.resumption,
        # Of runs that were made to differ, a rate says nothing.
        confidence=measure_confidence(sizes, audit.level, is_equal=True)
        if is_equal
        else Confidence(audit.level),
        runs=tuple(replace(summarise_run(run), condition=condition) for run, condition in made),
        classes=tuple(
            tuple(sorted({*group, *equal})) if first.index in group else group
            for group in result.classes
        ),
    )
    return replace(result, headline=word_resumption(result, held=runs.held))
