"""From plain and varied runs to one result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.config.settings import list_settings
from reproaudit.experiment.conclude import conclude
from reproaudit.experiment.excerpts import SourceFolder
from reproaudit.experiment.options import AuditOptions
from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.model.question import Dependence, Question, VariationOutcome
from reproaudit.model.result import AuditResult, Confidence, Finding
from reproaudit.model.verdict import Comparison, Verdict, decide
from reproaudit.report.headline import word_headline
from reproaudit.trace.runs import Run


def make_result(
    options: AuditOptions,
    plain: AuditResult,
    made: Sequence[tuple[Run, str]],
    outcomes: Sequence[VariationOutcome],
    *,
    findings: tuple[Finding, ...],
    ops: AlignedOps | None,
    is_missing: bool,
    interned: Interned,
    runs_made: int,
    notes: Sequence[NotChecked],
) -> AuditResult:
    """Put together what was found out.

    `plain` is what the audit of the program as it is gave. `made` are the runs, each with what it
    was made under. `is_missing`: a variation that was asked for was not tried, and it is not the
    program's own value.
    """
    runs = [run for run, _ in made]
    comparison = compare_boundaries(runs, interned)
    judged = judge(runs, comparison, options.tolerances)
    verdict = decide(
        Comparison(
            outcomes=tuple(run.outcome for run in runs),
            compared=comparison.compared,
            classes=comparison.classes,
            within_tolerance=_are_within(plain, outcomes),
            is_cut=is_missing and not _differ(outcomes),
        )
    )
    result = conclude(
        replace(judged, verdict=verdict),
        (*plain.findings, *findings),
        plain.alerts,
        notes=[*_list_notes(plain), *notes],
        settings=list_settings(options.settings),
        subject=options.subject.command,
        next_commands=(),
        level=options.level,
        trials=plain.trials,
        is_complete=None,
        warnings=plain.warnings,
        runs_made=runs_made,
        folder=options.subject.shown_folder,
        ops=ops,
        source=SourceFolder(options.subject.folder) if options.shows_source else None,
    )
    summaries = [
        replace(summary, condition=condition)
        for summary, (_, condition) in zip(result.runs, made, strict=True)
    ]
    offset = len(plain.findings)
    placed = [
        outcome if outcome.finding is None else replace(outcome, finding=outcome.finding + offset)
        for outcome in outcomes
    ]
    result = replace(
        result,
        question=Question.VARY,
        variations=tuple(placed),
        runs=tuple(summaries),
        # How often runs differ that are alike is not what these runs say.
        confidence=Confidence(options.level),
    )
    headline = word_headline(result, compared=comparison.compared)
    return replace(result, headline=headline)


def _are_within(plain: AuditResult, outcomes: Sequence[VariationOutcome]) -> bool:
    """Return True if all that differs is within its tolerance, the program as it is included."""
    if plain.verdict is Verdict.NOT_REPRODUCIBLE:
        return False
    return all(one.is_within_tolerance for one in outcomes if _depends(one))


def _differ(outcomes: Sequence[VariationOutcome]) -> bool:
    return any(_depends(one) and not one.is_within_tolerance for one in outcomes)


def _depends(outcome: VariationOutcome) -> bool:
    return outcome.dependence not in (Dependence.NONE, Dependence.NOT_TRIED)


def _list_notes(plain: AuditResult) -> list[NotChecked]:
    """Return what was not checked of the program as it is; that nobody looked for refused ops or
    compared the ranks is no news here."""
    codes = (Unchecked.REFUSALS_NOT_LOOKED_FOR, Unchecked.RANKS_NOT_COMPARED)
    return [note for note in plain.not_checked if note.code not in codes]
