"""From judged runs and findings to an AuditResult: confidence, alerts, what was not checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from reproaudit.compare.boundaries import BoundaryComparison
from reproaudit.compare.judge import Judged
from reproaudit.model.confidence import bound_rate, find_interval
from reproaudit.model.events import (
    NotChecked,
    ProgramWarning,
)
from reproaudit.model.result import (
    Alert,
    AuditResult,
    Confidence,
    Finding,
    RunSummary,
    Trial,
)
from reproaudit.model.verdict import Verdict
from reproaudit.report.headline import word_headline
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run

_HARMLESS = (
    "batches or outputs on the way to the loss differ between runs, without consequence for "
    "losses, gradients and parameters: undefined padding that a mask removes does this"
)
_HARMLESS_SO_FAR = (
    "batches or outputs on the way to the loss differ between runs, without consequence for "
    "those losses, gradients and parameters that are not ignored"
)


def confidence(class_sizes: Sequence[int], level: float, *, is_equal: bool) -> Confidence:
    """Bound the rate at which a run differs from the first one; estimate it where some do."""
    runs = sum(class_sizes)
    if is_equal or runs < 2 or len(class_sizes) < 2:
        return Confidence(level, bound_rate(level, runs) if is_equal else None)
    differing = runs - class_sizes[0]
    low, high = find_interval(level, differing, runs - 1)
    return Confidence(level, None, differing / (runs - 1), (low, high))


def collect_alerts(trace: Trace) -> tuple[Alert, ...]:
    """Return the refused ops of an alert run, one per op and line, in order of first occurrence."""
    counts: Counter[Alert] = Counter()
    for event in trace.alerts():
        alert = Alert(
            op=event.op.removesuffix(".default"),
            message=event.message,
            phase=event.phase,
            module=event.module,
            location=event.known_location,
        )
        counts[alert] += 1
    return tuple(replace(alert, count=count) for alert, count in counts.items())


def summarise(run: Run) -> RunSummary:
    return RunSummary(run.index, run.outcome, run.steps, run.events, run.main.level)


def _comparison_warnings(comparison: BoundaryComparison) -> tuple[ProgramWarning, ...]:
    if not comparison.has_harmless_differences:
        return comparison.warnings
    message = _HARMLESS_SO_FAR if comparison.ignored else _HARMLESS
    return (ProgramWarning(message), *comparison.warnings)


def conclude(
    judged: Judged,
    findings: tuple[Finding, ...],
    alerts: tuple[Alert, ...],
    *,
    notes: Sequence[NotChecked],
    settings: tuple[tuple[str, str], ...],
    subject: str,
    next_commands: tuple[str, ...],
    level: float = 0.95,
    trials: tuple[Trial, ...] = (),
    is_complete: bool | None = None,
    warnings: Sequence[ProgramWarning] = (),
    runs_made: int = 0,
    reproducer: str = "",
    folder: str = "",
) -> AuditResult:
    """Put together everything that was found out."""
    runs = judged.runs
    result = AuditResult(
        verdict=judged.verdict,
        headline="",
        subject=subject,
        runs=tuple(summarise(run) for run in runs),
        classes=judged.comparison.classes,
        steps=min(run.steps for run in runs),
        confidence=confidence(
            [len(group) for group in judged.comparison.classes],
            level,
            is_equal=judged.verdict is Verdict.REPRODUCIBLE,
        ),
        findings=findings,
        divergences=judged.divergences,
        divergences_total=judged.divergences_total,
        alerts=alerts,
        warnings=(*_comparison_warnings(judged.comparison), *warnings),
        changes=runs[0].main.changes,
        not_checked=tuple(dict.fromkeys([*judged.not_checked, *runs[0].main.notes, *notes])),
        compared=judged.comparison.counts,
        settings=settings,
        environment=tuple(runs[0].main.header["environment"].items()),
        next_commands=next_commands,
        is_complete=is_complete,
        trials=trials,
        runs_made=runs_made or len(runs),
        reproducer=reproducer,
        folder=folder,
    )
    return replace(result, headline=word_headline(result, compared=judged.comparison.compared))
