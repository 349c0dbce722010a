"""From uninterrupted, stopped and resumed runs to one result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import MOST_SHOWN, Judged
from reproaudit.config.settings import list_settings
from reproaudit.config.tolerance import Ignored
from reproaudit.experiment.conclude import conclude, measure_confidence, summarise_run
from reproaudit.experiment.excerpts import SourceFolder
from reproaudit.experiment.resume_runs import RESUMED, STOPPED, UNINTERRUPTED, ResumeOptions
from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.model.question import Question, Resumption
from reproaudit.model.result import AuditResult, Confidence, Finding, Trial
from reproaudit.model.verdict import Comparison, Verdict, decide
from reproaudit.report.headline import word_resumption
from reproaudit.trace.runs import Run

_NO_PROOF = "the program differs from run to run as it is, and no repair of that was proven"


@dataclass(frozen=True, slots=True)
class Resumed:
    """The runs that were compared: those that nothing interrupted, all equal, one that was stopped,
    and one that went on, compared from step `begin` on.

    `plain`: those of a program that differs as it is, and without the interventions that are held
    in the others; empty where none are.
    """

    through: tuple[Run, ...]
    stopped: Run
    resumed: Run
    begin: int
    resumption: Resumption
    plain: tuple[Run, ...] = ()

    def list_conditions(self) -> Iterator[tuple[Run, str]]:
        """Yield each run with what it was made under."""
        with_held = f", with {', '.join(self.resumption.held)}" if self.resumption.held else ""
        yield from ((run, UNINTERRUPTED) for run in self.plain)
        yield from ((run, UNINTERRUPTED + with_held) for run in self.through)
        yield self.stopped, STOPPED + with_held
        yield self.resumed, RESUMED + with_held

    def group(self, ignored: tuple[Ignored, ...], *, is_equal: bool) -> tuple[tuple[int, ...], ...]:
        """Return which of the runs are equal, but for the one that was stopped."""
        groups: tuple[tuple[int, ...], ...] = (tuple(run.index for run in self.through),)
        if self.plain:
            runs = (*self.plain, *self.through)
            groups = compare_boundaries(runs, Interned(ignored)).classes
        resumed = self.resumed.index
        if not is_equal:
            return (*groups, (resumed,))
        first = self.through[0].index
        return tuple((*group, resumed) if first in group else group for group in groups)


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
    if result.verdict is Verdict.REPRODUCIBLE and runs.resumption.lost:
        # What it lacks no tensor shows yet.
        result = replace(result, verdict=Verdict.NOT_REPRODUCIBLE)
    is_equal = result.verdict is Verdict.REPRODUCIBLE
    result = replace(
        result,
        question=Question.RESUME,
        resumption=runs.resumption,
        # Of runs that were made to differ, a rate says nothing.
        confidence=measure_confidence([len(runs.through) + 1], audit.level, is_equal=True)
        if is_equal
        else Confidence(audit.level),
        runs=tuple(
            replace(summarise_run(run), condition=condition)
            for run, condition in runs.list_conditions()
        ),
    )
    if judged.comparison.classes:
        are_alike = len(judged.comparison.classes) == 1 and not runs.resumption.lost
        result = replace(result, classes=runs.group(audit.ignored, is_equal=are_alike))
    if runs.plain:
        result = _join(as_it_is, result)
    return replace(result, headline=word_resumption(result, usual=result.headline))


def _join(as_it_is: AuditResult, held: AuditResult) -> AuditResult:
    """Return the result of a program that differs by itself: of that, and of what a resumed run
    did while its repair was held. The one answer hides nothing of the other."""
    assert held.resumption is not None
    answers = (as_it_is.verdict, held.verdict)
    verdict = decide(
        Comparison(
            outcomes=tuple(run.outcome for run in (*as_it_is.runs, held.runs[-1])),
            compared=sum(count for _, count in held.compared),
            classes=held.classes,
            within_tolerance=Verdict.NOT_REPRODUCIBLE not in answers,
        )
    )
    divergences = (*as_it_is.divergences, *held.divergences)
    return replace(
        held,
        verdict=verdict,
        resumption=replace(held.resumption, answer=held.verdict),
        confidence=Confidence(held.confidence.level),
        divergences=divergences[:MOST_SHOWN],
        divergences_total=as_it_is.divergences_total + held.divergences_total,
        growth=as_it_is.growth,
        ops=held.ops or as_it_is.ops,
        not_checked=tuple(dict.fromkeys((*held.not_checked, *as_it_is.not_checked))),
    )
