"""Traces of a training loop that no program made, of any size, for what reads and compares them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reproaudit.model import EventKind, Outcome, OutcomeKind
from reproaudit.trace.schema import EVENT, EVENTS_FILE
from reproaudit.trace.writer import TraceWriter

OPS_PER_STEP = 1000
LINES = 199
STRINGS = 50


def make_trace(
    directory: Path, ops: int, run: int = 0, *, differing: int = 0, dropped: int = 0, table_bytes: int = 0
) -> None:
    """Write a trace of `ops` events, its tables by the recorder's own writer.

    In every run but run 0, `differing` events have other outputs and `dropped` ones are missing. `table_bytes` of names
    that no event has are added to the tables.
    """
    writer = TraceWriter(
        directory, level="operation", subject="bench", command=[], settings={}, environment={}, version="0",
        values_budget=0,
    )  # fmt: skip
    names = [writer.string(f"aten::op{number}") for number in range(STRINGS)]
    described = writer.string("float32[8, 3]")
    places = [writer.location("train.py", line, "main") for line in range(1, LINES + 1)]
    for number in range(table_bytes // 64):
        writer.string(f"{number:060}")
    at = np.arange(ops)
    events = np.zeros(ops, dtype=EVENT)
    events["kind"], events["count"] = EventKind.OP, 1
    is_gradient = at % STRINGS == STRINGS - 1
    events["kind"][is_gradient], events["aux"][is_gradient] = EventKind.GRADIENT, described
    events["step"] = at // OPS_PER_STEP
    events["name"] = np.array(names)[at % OPS_PER_STEP % STRINGS]
    events["location"] = np.array(places)[at % OPS_PER_STEP % LINES]
    events["inputs"][:, 0], events["outputs"][:, 0] = at + 1, at + 7
    random = np.random.default_rng(run)
    if differing and run:
        events["outputs"][random.choice(ops, differing, replace=False), 1] = run
    if dropped and run:
        events = np.delete(events, random.choice(ops, dropped, replace=False))
    writer.close(Outcome(OutcomeKind.COMPLETED, 0), ops // OPS_PER_STEP)
    events.tofile(directory / EVENTS_FILE)
