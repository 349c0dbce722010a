"""Traces made by hand, for tests of the comparison: no program is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reproaudit.model.events import EventFlag, EventKind, Outcome, OutcomeKind, Phase, Unchecked
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.facts import NO_RANK_YET, ProcessFacts
from reproaudit.trace.runs import Run, open_run
from reproaudit.trace.writer import TraceWriter


@dataclass(frozen=True)
class Row:
    """One event: digests are small numbers, the same number for the same content."""

    name: str
    outputs: int = 0
    inputs: int = 0
    kind: EventKind = EventKind.OP
    flags: EventFlag = EventFlag(0)  # noqa: RUF009 - a flag value is immutable
    aux: int = 0
    step: int = 0
    line: int = 1
    thread: int = 0
    phase: Phase = Phase.FORWARD
    shown: str = ""
    inputs_high: int = 0
    path: str = "train.py"


def make_run(
    folder: Path,
    index: int,
    rows: Sequence[Row],
    outcome: Outcome | None = None,
    *,
    steps: int = 1,
    level: str = "operation",
    environment: Mapping[str, str] | None = None,
    notes: Sequence[Unchecked] = (),
) -> Run:
    """Write a trace of `rows` and open it as run number `index`."""
    directory = folder / f"run-{index}"
    writer = open_writer(directory, level=level, environment=environment)
    write_rows(writer, rows)
    for code in notes:
        writer.note(code, "what", "why")
    writer.close(outcome or Outcome(OutcomeKind.COMPLETED, 0), steps)
    return open_run(directory, index)


def make_run_of_ranks(
    folder: Path, index: int, ranks: Sequence[Sequence[Row]], *, world: int = 0
) -> Run:
    """Write one trace for each rank, of `world` ranks or of as many as are given."""
    directory = folder / f"run-{index}"
    done = Outcome(OutcomeKind.COMPLETED, 0)
    open_writer(directory, process=ProcessFacts(is_launcher=True)).close(done, 0)
    for rank, rows in enumerate(ranks):
        process = ProcessFacts(rank=rank, world=world or len(ranks))
        writer = open_writer(directory / f"child-{rank}", process=process)
        write_rows(writer, rows)
        writer.close(done, 1)
    return open_run(directory, index)


def open_writer(
    directory: Path,
    *,
    level: str = "operation",
    environment: Mapping[str, str] | None = None,
    process: ProcessFacts = NO_RANK_YET,
    values_budget: int = 0,
) -> TraceWriter:
    return TraceWriter(
        directory,
        level=level,
        subject="train.py",
        command=[],
        settings={},
        environment=dict(environment or {}),
        version="0",
        values_budget=values_budget,
        process=process,
    )


def write_rows(writer: TraceWriter, rows: Sequence[Row]) -> None:
    for number in range(1, 1 + max((row.thread for row in rows), default=0)):
        writer.thread(f"thread-{number}")
    for row in rows:
        place = writer.location(row.path, row.line, "main")
        writer.append(
            row.kind,
            at=Moment(row.phase, row.step, place, row.thread),
            flags=row.flags,
            name=writer.string(row.name),
            aux=writer.string(row.shown) if row.shown else row.aux,
            inputs=(row.inputs, row.inputs_high),
            outputs=(row.outputs, 0),
        )
