"""What a tracker is told of variations, a resumed run, streams and flags: a table each."""

from __future__ import annotations

from collections.abc import Iterator

from reproaudit.model.question import Dependence, Question
from reproaudit.model.result import AuditResult
from reproaudit.report.questions.resumption_rows import word_checkpoint_file, word_lost
from reproaudit.report.questions.seed_rows import list_flag_rows, list_stream_rows
from reproaudit.report.questions.variation_rows import list_variation_rows
from reproaudit.track.record import Cell

# The name of a table, its columns, and its rows.
TableFacts = tuple[str, tuple[str, ...], list[tuple[Cell, ...]]]

_VARIATIONS = ("variation", "answer", "how_far", "first_at", "line", "run", "why", "reference")
_LOST = ("state", "name", "what", "expected", "found", "line", "checkpoint", "evidence", "advice")
_CHECKPOINTS = ("file", "written_by", "step", "line", "holds")
_STREAMS = (
    "use",
    "stream",
    "effect",
    "in_order",
    "line",
    "call",
    "draws",
    "process",
    "why",
)
_TIMELINE = ("number", "what", "value", "step", "line", "by", "there_already", "undoes", "why")


def list_question_tables(result: AuditResult) -> Iterator[TableFacts]:
    """Yield the tables that a question brings with it, those without rows too."""
    yield "variations", _VARIATIONS, list(_list_variations(result))
    resumption = result.resumption
    if resumption is not None:
        lost = map(word_lost, resumption.lost)
        rows: list[tuple[Cell, ...]] = [
            (
                row.state,
                row.name,
                row.became,
                row.expected,
                row.found,
                row.line,
                row.checkpoint,
                "; ".join(row.evidence),
                row.advice,
            )
            for row in lost
        ]
        yield "lost_state", _LOST, rows
        checkpoints = map(word_checkpoint_file, resumption.checkpoints)
        rows = [(one.path, one.writer, one.step, one.line, one.holds) for one in checkpoints]
        yield "checkpoints", _CHECKPOINTS, rows
    yield "streams", _STREAMS, list(_list_streams(result))
    yield "timeline", _TIMELINE, list(_list_timeline(result))


def list_question_metrics(result: AuditResult) -> Iterator[tuple[str, float]]:
    """Yield how many variations change something, pieces of state were lost, and so on; nothing of
    a plain audit."""
    if result.question is Question.VARY:
        kinds = [outcome.dependence for outcome in result.variations]
        for kind in Dependence:
            yield f"variations_{kind.value.replace('-', '_')}", kinds.count(kind)
    if result.resumption is not None:
        yield "lost_state", len(result.resumption.lost)
    if result.question is Question.SEEDS:
        yield "streams", len(result.streams)
        yield "streams_not_in_order", sum(not one.is_expected for one in result.streams)


def _list_variations(result: AuditResult) -> Iterator[tuple[Cell, ...]]:
    for row in list_variation_rows(result):
        yield (
            row.setting,
            row.answer,
            row.far,
            row.source,
            row.line,
            row.run,
            row.why,
            row.reference,
        )


def _list_streams(result: AuditResult) -> Iterator[tuple[Cell, ...]]:
    for row in list_stream_rows(result):
        yield (
            row.use,
            row.stream,
            row.effect,
            row.is_expected,
            row.line,
            row.call,
            row.draws,
            row.process,
            row.why,
        )


def _list_timeline(result: AuditResult) -> Iterator[tuple[Cell, ...]]:
    for row in list_flag_rows(result):
        yield (
            row.number,
            row.what,
            row.value,
            row.step,
            row.line,
            row.by,
            row.made,
            row.undoes,
            row.why,
        )
