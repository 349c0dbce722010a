"""From judged runs and findings to an AuditResult: confidence, alerts, what was not checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reproaudit.comparison.boundaries import BoundaryComparison
from reproaudit.comparison.growth import measure_growth
from reproaudit.comparison.judge import Judged
from reproaudit.experiment.excerpts import SourceFolder, read_excerpts
from reproaudit.experiment.hardware import NOT_KNOWN, Elsewhere
from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.confidence import bound_rate, find_interval
from reproaudit.model.events import NotChecked, OutcomeKind, ProgramWarning, Unchecked
from reproaudit.model.growth import Growth
from reproaudit.model.result import Alert, AuditResult, Confidence, Finding, RunSummary, Trial
from reproaudit.model.verdict import Verdict
from reproaudit.report.headline import Reach, word_headline
from reproaudit.trace.runs import Run

_HARMLESS = (
    "batches or outputs on the way to the loss differ between runs, without consequence for "
    "losses, gradients and parameters: undefined padding that a mask removes can do this"
)
_HARMLESS_SO_FAR = (
    "batches or outputs on the way to the loss differ between runs, without consequence for "
    "those losses, gradients and parameters that are not ignored"
)


def measure_confidence(class_sizes: Sequence[int], level: float, *, is_equal: bool) -> Confidence:
    """Bound the rate at which a run differs from the first one; estimate it where some do.

    `class_sizes` counts the runs of each class, the class of the first run first.
    """
    runs = sum(class_sizes)
    if is_equal:
        return Confidence(level, divergence_rate_at_most=bound_rate(level, runs))
    if len(class_sizes) < 2:
        return Confidence(level)  # one class that is not equal, as of runs that all failed
    # The first run is what the others are compared with: it is no trial itself.
    trials = runs - 1
    differing = runs - class_sizes[0]
    low, high = find_interval(level, differing, trials)
    return Confidence(level, divergence_rate=differing / trials, rate_interval=(low, high))


def summarise_run(run: Run) -> RunSummary:
    """Return what the result says of a run: its outcome, its size and the level of its record."""
    return RunSummary(
        index=run.index,
        outcome=run.outcome,
        steps=run.steps,
        events=run.events,
        level=run.main.level,
        ranks=len(run.ranks),
    )


def _list_comparison_warnings(comparison: BoundaryComparison) -> tuple[ProgramWarning, ...]:
    if not comparison.has_harmless_differences:
        return comparison.warnings
    message = _HARMLESS_SO_FAR if comparison.ignored else _HARMLESS
    return (ProgramWarning(message), *comparison.warnings)


def _is_said_later(note: NotChecked) -> bool:
    return note.code not in (Unchecked.AUDIT_ENDED, Unchecked.DIAGNOSIS_ENDED)


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
    has_end: bool = False,
    span: tuple[int, int] | None = None,
    further: tuple[int, str] = (0, ""),
    spared: int = 0,
    loaded: tuple[int, ...] = (),
    elsewhere: Elsewhere = NOT_KNOWN,
    ops: AlignedOps | None = None,
    source: SourceFolder | None = None,
) -> AuditResult:
    """Put together everything that was found out.

    `has_end`: the subject is a program, and not a step that is called for ever. `span`: the
    step that was compared first and the one after the last, where that is not all of the shortest.
    `further`: how many of the runs were made because of a sign of disorder, and of which; `spared`:
    how many were not made, for the first two differed; `loaded`: which were made beside busy
    processes; `elsewhere`: on which hardware they were made, and which others on another. `source`:
    where the lines lie that the result shows; None: it shows none.
    """
    runs = judged.runs
    comparison = judged.comparison
    # The first run stands for all: what it sets and where it runs, the others do too.
    first = runs[0].main
    first_step, end_step = span or (0, min(run.steps for run in runs))
    confidence = measure_confidence(
        [len(group) for group in comparison.classes],
        level,
        is_equal=judged.verdict is Verdict.REPRODUCIBLE,
    )
    # Each reason once: an audit's alert run may note what its first run noted already.
    said = [*judged.not_checked, *first.notes, *notes]
    # That the audit was cut short comes first: it qualifies all the rest.
    said.sort(key=_is_said_later)
    not_checked = tuple(dict.fromkeys(said))
    result = AuditResult(
        verdict=judged.verdict,
        headline="",
        subject=subject,
        runs=tuple(summarise_run(run) for run in runs),
        classes=comparison.classes,
        steps=end_step - first_step,
        first_step=first_step,
        confidence=confidence,
        findings=findings,
        divergences=judged.divergences,
        divergences_total=judged.divergences_total,
        alerts=alerts,
        warnings=(*_list_comparison_warnings(comparison), *warnings),
        changes=first.changes,
        not_checked=not_checked,
        compared=comparison.counts,
        settings=settings,
        environment=tuple(first.header["environment"].items()),
        next_commands=next_commands,
        is_complete=is_complete,
        trials=trials,
        runs_made=runs_made or len(runs),
        further_runs=further[0],
        further_because=further[1],
        spared_runs=spared,
        loaded_runs=loaded,
        hardware=elsewhere.hardware,
        other_hardware=elsewhere.others,
        reproducer=reproducer,
        folder=folder,
        growth=measure_judged(judged),
        ops=ops,
    )
    if source is not None:
        result = replace(result, excerpts=read_excerpts(result, source))
    # The headline is worded from the finished facts, so it can only be added to them.
    reach = None
    if has_end:
        reach = Reach.START if is_stopped(runs) else Reach.WHOLE
    headline = word_headline(result, compared=comparison.compared, reach=reach)
    return replace(result, headline=headline)


def measure_judged(judged: Judged) -> Growth | None:
    """Return how two runs that stand for two classes part; None if there is one class only."""
    pair = judged.representatives
    if pair is None:
        return None
    tables = judged.comparison.tables
    places = [run.index for run in tables.runs]
    a, b = (tables[places.index(run.index)] for run in pair)
    return measure_growth(pair, (a, b), tables.interned, judged.measured)


def is_stopped(runs: Sequence[Run]) -> bool:
    """Return True if the audit stopped the program, or a process of it, before its end."""
    for run in runs:
        if any(trace.outcome.kind is OutcomeKind.STOPPED for _, trace in run.traces):
            return True
    return False
