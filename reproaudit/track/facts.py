"""What a tracker is told of a result: figures, settings, tables, files. Pure: nothing is logged."""

from __future__ import annotations

import math
from collections.abc import Iterator

from reproaudit.model.difference import Difference
from reproaudit.model.question import Question
from reproaudit.model.result import AuditResult, Finding
from reproaudit.report.confidence import word_confidence
from reproaudit.report.markdown_text import text
from reproaudit.report.places import move_to_working_folder
from reproaudit.report.questions.variation_rows import choose_finding
from reproaudit.report.registry import FORMATS, render_all
from reproaudit.report.wording import (
    escape,
    name_kind,
    name_phase,
    name_source,
    show_name,
    show_prose,
    word_remark,
    word_settings,
    word_trial,
)
from reproaudit.track.growth_series import list_growth
from reproaudit.track.question_tables import list_question_metrics, list_question_tables
from reproaudit.track.record import Cell, Histogram, Table, TrackRecord
from reproaudit.track.withheld import withhold_from_result

_MOST_ROWS = 1000  # of a table: the JSON report has all
_MOST_HISTOGRAMS = 200
# The reports that are kept beside a run, and what their files are called there.
_FILES = (
    ("json", "result.json"),
    ("html", "report.html"),
    ("sarif", "report.sarif"),
)


def list_facts(result: AuditResult, accepted: frozenset[str] = frozenset()) -> TrackRecord:
    """Return what a tracker is told of the result.

    `accepted` are the fingerprints of findings that a baseline accepts.
    """
    result, accepted = withhold_from_result(result, accepted)
    moved = move_to_working_folder(result)
    series, left_out = list_growth(result.growth)
    tables, cut = _list_tables(moved)
    files = []
    for name, file in _FILES:
        if name in FORMATS:
            text = render_all([result], name, accepted)
            files.append((file, text.encode("utf-8")))
    return TrackRecord(
        name=show_name(f"reproaudit {result.subject}"),
        note=_write_note(moved),
        metrics=tuple(_list_metrics(moved)),
        params=tuple(_list_params(moved)),
        tags=tuple(_list_tags(moved)),
        tables=tuple(tables),
        series=tuple(series),
        histograms=tuple(_list_histograms(moved)),
        texts=(("summary.md", render_all([result], "markdown", accepted)),),
        files=tuple(files),
        left_out=(*left_out, *cut),
    )


def _write_note(result: AuditResult) -> str:
    sentences = (result.headline, word_confidence(result))
    return ". ".join(text(sentence) for sentence in sentences if sentence)


# -- figures


def _list_metrics(result: AuditResult) -> Iterator[tuple[str, float]]:
    for name, value in _list_figures(result):
        number = _to_float(value)
        if number is not None and math.isfinite(number):
            yield f"reproaudit/{name}", number


def _to_float(number: float | None) -> float | None:
    """Return the number; None for one that is too large, as a stranger's result may hold."""
    try:
        return None if number is None else float(number)
    except OverflowError:
        return None


def _list_figures(result: AuditResult) -> Iterator[tuple[str, float | None]]:
    yield "runs", len(result.runs)
    yield "distinct", len(result.classes)
    yield "runs_made", result.runs_made
    yield "steps", result.steps
    yield "findings", len(result.findings)
    yield "divergences", max(result.divergences_total, len(result.divergences))
    yield "alerts", len(result.alerts)
    yield "warnings", len(result.warnings)
    yield "not_checked", len(result.not_checked)
    yield from _list_rates(result)
    yield from list_question_metrics(result)
    yield "trials", len(result.trials)
    yield "trials_equal", sum(trial.is_equal for trial in result.trials)
    slowdowns = list(_list_slowdowns(result))
    if slowdowns:
        yield "slowdown", max(slowdowns)
    first = result.findings[0] if result.findings else None
    if first is not None:
        yield "first_step", first.step
    difference = _choose_difference(result)
    if difference is not None:
        yield "differing_elements", difference.differing
        yield "max_ulp", difference.max_ulp
        yield "max_abs", difference.max_abs
        yield "max_rel", difference.max_rel


def _list_rates(result: AuditResult) -> Iterator[tuple[str, float | None]]:
    """Yield the share of runs that differ, between its bounds; of equal runs only the upper one."""
    confidence = result.confidence
    yield "divergence_rate", confidence.divergence_rate
    yield "divergence_rate_at_most", confidence.divergence_rate_at_most
    if confidence.rate_interval:
        low, high = confidence.rate_interval
        yield "divergence_rate_at_least", low
        yield "divergence_rate_at_most", high


def _list_slowdowns(result: AuditResult) -> Iterator[float]:
    for finding in result.findings:
        if finding.fix is not None and finding.fix.verified and finding.fix.slowdown is not None:
            yield finding.fix.slowdown


def _choose_difference(result: AuditResult) -> Difference | None:
    """Return how far the first finding's tensors are apart, or else the first that differ."""
    if result.findings and result.findings[0].difference is not None:
        return result.findings[0].difference
    row = result.first_divergence
    return row.difference if row is not None else None


# -- texts


def _list_tags(result: AuditResult) -> Iterator[tuple[str, str]]:
    """Yield what runs are found by, such as `tags."reproaudit.verdict" = 'not-reproducible'`."""
    yield "reproaudit.verdict", result.verdict.value
    if result.question is not Question.AUDIT:
        yield "reproaudit.question", result.question.value
    yield "reproaudit.subject", show_name(result.subject)
    first = choose_finding(result)
    if first is None:
        return
    yield "reproaudit.cause", first.cause.value
    yield "reproaudit.rule", show_name(first.rule)
    if source := name_source(first):
        yield "reproaudit.op", source
    if first.location is not None:
        yield "reproaudit.line", show_name(str(first.location))
    if first.fix is not None and first.fix.verified:
        yield "reproaudit.fix", word_settings(first.fix)


def _list_params(result: AuditResult) -> Iterator[tuple[str, str]]:
    yield "subject", escape(result.subject)
    yield "isolation", result.isolation.value
    yield "confidence_level", str(result.confidence.level)
    if result.is_complete is not None:
        yield "all_sources_found", str(result.is_complete).lower()
    for name, value in result.settings:
        yield f"settings.{escape(name)}", escape(value)
    for name, value in result.environment:
        yield f"environment.{escape(name).replace(' ', '_')}", escape(value)
    if result.hardware:
        yield "hardware", escape(result.hardware)


# -- tables

_DIVERGENCES = (
    "kind",
    "name",
    "step",
    "phase",
    "run",
    "other_run",
    "tensor",
    "elements",
    "differing",
    "max_ulp",
    "max_abs",
    "max_rel",
    "note",
)
_FINDINGS = (
    "rule",
    "cause",
    "title",
    "phase",
    "step",
    "op",
    "module",
    "line",
    "count",
    "differing",
    "max_ulp",
    "fix",
    "verified",
    "slowdown",
)
_TRIALS = ("settings", "runs", "equal", "outcome")


def _list_tables(result: AuditResult) -> tuple[list[Table], list[str]]:
    """Return the tables that have rows, and sentences on the rows that they leave out."""
    tables = []
    said = []
    for name, columns, rows in (
        *list_question_tables(result),
        ("divergences", _DIVERGENCES, list(_list_divergences(result))),
        ("findings", _FINDINGS, list(map(_describe, result.findings))),
        ("trials", _TRIALS, list(_list_trials(result))),
    ):
        if rows:
            tables.append(Table(name, columns, tuple(rows[:_MOST_ROWS])))
        if len(rows) > _MOST_ROWS:
            said.append(
                f"table {name}: the first {_MOST_ROWS:,} of {len(rows):,} rows; result.json has all"
            )
    return tables, said


def _list_divergences(result: AuditResult) -> Iterator[tuple[Cell, ...]]:
    for row in result.divergences:
        found = row.difference
        yield (
            name_kind(row.kind),
            show_name(row.name),
            row.step,
            name_phase(row.phase),
            *row.runs,
            show_name(row.tensor),
            found.elements if found else None,
            found.differing if found else None,
            _to_float(found.max_ulp) if found else None,
            found.max_abs if found else None,
            found.max_rel if found else None,
            show_prose(word_remark(row)),
        )


def _describe(finding: Finding) -> tuple[Cell, ...]:
    found = finding.difference
    fix = finding.fix
    return (
        show_name(finding.rule),
        finding.cause.value,
        show_prose(finding.title),
        name_phase(finding.phase),
        finding.step,
        name_source(finding),
        show_name(finding.module),
        show_name(str(finding.location)) if finding.location else "",
        finding.count,
        found.differing if found else None,
        _to_float(found.max_ulp) if found else None,
        word_settings(fix) if fix else "",
        fix.verified if fix else None,
        fix.slowdown if fix else None,
    )


def _list_trials(result: AuditResult) -> Iterator[tuple[Cell, ...]]:
    for trial in result.trials:
        settings = ", ".join(map(show_name, trial.settings))
        yield settings, trial.runs, trial.is_equal, show_prose(word_trial(trial))


# -- distances


def _list_histograms(result: AuditResult) -> Iterator[Histogram]:
    """Yield the distances of what the findings' operators returned, and of tensors over steps."""
    for number, finding in enumerate(result.findings[:_MOST_HISTOGRAMS]):
        if finding.difference is not None and finding.difference.ulp_histogram:
            bins = _read_bins(finding.difference.ulp_histogram)
            yield Histogram(f"finding {number}: {name_source(finding)}", finding.step, bins)
    if result.growth is None:
        return
    tensors = result.growth.tensors
    # A stranger's result may name rows that are not there.
    there = [one for one in result.growth.histograms if 0 <= one.row < len(tensors)]
    for distances in there[:_MOST_HISTOGRAMS]:
        tensor = tensors[distances.row]
        name = f"{name_kind(tensor.kind)} {show_name(tensor.name)}"
        yield Histogram(name, distances.step, _read_bins(distances.ulp_histogram))


def _read_bins(bins: tuple[tuple[str, int], ...]) -> tuple[tuple[float, int], ...]:
    return tuple((float(upper), count) for upper, count in bins)
