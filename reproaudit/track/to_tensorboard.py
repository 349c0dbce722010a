"""Writes a record as a run of TensorBoard: a folder with an event file, and the files beside it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from reproaudit.report import markdown_text
from reproaudit.track.record import Cell, Histogram, Logged, TrackRecord

_VARIABLE = "TENSORBOARD_LOGGING_DIR"  # as transformers reads it
_FOLDER = "runs"  # where torch's SummaryWriter writes
_MOST_ROWS = 100  # of a table, which is shown as text
_MOST_FLOAT32 = (2 - 2**-23) * 2.0**127
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


class TensorboardTracker:
    """A run is a folder below the one that is named, or that TENSORBOARD_LOGGING_DIR names, or
    `runs`. TensorBoard has no run under way in a process, so each record is a run of its own."""

    def has_active_run(self) -> bool:
        return False

    def log(self, record: TrackRecord, place: str = "") -> Logged:
        """Write the record. `place` is a folder, as `tensorboard --logdir` takes it."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        logdir = Path(place or os.environ.get(_VARIABLE) or _FOLDER)
        folder = _make_folder(logdir, record.name)
        for name, content in record.files:
            (folder / name).write_bytes(content)
        for name, text in record.texts:
            (folder / name).write_text(text, encoding="utf-8")
        writer = EventFileWriter(str(folder))
        try:
            for step, summary in _summarise(record):
                writer.add_event(_make_event(step, summary))
        finally:
            writer.close()
        return Logged("tensorboard", folder.name, f"tensorboard --logdir {logdir}")

    def close(self) -> None:
        return None  # each record has a file of its own, which is closed


def _make_folder(logdir: Path, name: str) -> Path:
    """Make a folder that was not there: a run has one event file."""
    stem = _NOT_IN_NAMES.sub("-", name).strip("-.")[:100] or "record"
    for number in count():
        folder = logdir / (f"{stem}-{number}" if number else stem)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not logdir.is_dir():
                raise
            continue
        return folder
    raise AssertionError("numbers end")


def _make_event(step: int, summary: Any) -> Any:
    from tensorboard.compat.proto import event_pb2

    return event_pb2.Event(wall_time=time.time(), step=step, summary=summary)


def _summarise(record: TrackRecord) -> Iterator[tuple[int, Any]]:
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.plugins.text.summary_v2 import text_pb

    # The tab HParams lists runs by these, and filters them.
    yield 0, hparams_pb({**dict(record.tags), **dict(record.params)})
    for name, value in record.metrics:
        yield 0, scalar_pb(name, _fit_float32(value))
    for series in record.series:
        for step, value in series.points:
            yield step, scalar_pb(series.name, _fit_float32(value))
    for histogram in record.histograms:
        yield histogram.step, _make_histogram(histogram)
    for name, text in _write_texts(record):
        yield 0, text_pb(f"reproaudit/{name}", text)


def _fit_float32(value: float) -> float:
    """Return the nearest number that a scalar can be."""
    return max(-_MOST_FLOAT32, min(_MOST_FLOAT32, value))


def _make_histogram(histogram: Histogram) -> Any:
    """Return counts by their bins; a histogram of values would be binned anew."""
    from tensorboard.compat.proto import histogram_pb2, summary_pb2

    made = histogram_pb2.HistogramProto(
        min=0.0,
        max=histogram.bins[-1][0],
        num=sum(number for _, number in histogram.bins),
        sum=sum(upper * number for upper, number in histogram.bins),
        sum_squares=sum(upper * upper * number for upper, number in histogram.bins),
        bucket_limit=[upper for upper, _ in histogram.bins],
        bucket=[number for _, number in histogram.bins],
    )
    value = summary_pb2.Summary.Value(tag=f"reproaudit/ulp/{histogram.name}", histo=made)
    return summary_pb2.Summary(value=[value])


def _write_texts(record: TrackRecord) -> Iterator[tuple[str, str]]:
    left_out = [*record.left_out]
    if record.note:
        yield "note", record.note
    yield from record.texts
    if record.params:
        yield "params", "\n".join(_write_table(("name", "value"), record.params))
    for table in record.tables:
        yield (
            f"tables/{table.name}",
            "\n".join(_write_table(table.columns, table.rows[:_MOST_ROWS])),
        )
        if len(table.rows) > _MOST_ROWS:
            left_out.append(
                f"table {table.name}: the first {_MOST_ROWS} of {len(table.rows):,} rows"
            )
    if left_out:
        yield "left_out", "\n".join(f"- {line}" for line in left_out)


def _write_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(map(_write_cell, row))} |"


def _write_cell(cell: Cell) -> str:
    return "" if cell is None else markdown_text.text(str(cell))
