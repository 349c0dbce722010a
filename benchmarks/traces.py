"""Traces of a training loop that no program made, of any size, for what reads and compares them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from reproaudit.model.events import EventFlag, EventKind, Outcome, OutcomeKind
from reproaudit.trace.records import EVENT
from reproaudit.trace.schema import EVENTS_FILE, RUN_FILE
from reproaudit.trace.writer import TraceWriter

OPS_PER_STEP = 1000
LINES = 199
STRINGS = 50


def make_trace(
    directory: Path,
    ops: int,
    run: int = 0,
    *,
    differing: int = 0,
    dropped: int = 0,
    table_bytes: int = 0,
    alter: Callable[[Any, int, int], None] | None = None,
) -> None:
    """Write a trace of `ops` events, its tables by the recorder's own writer.

    In every run but run 0, `differing` events have other outputs and `dropped` ones are missing.
    `table_bytes` of lines that no event has are added to the tables. `alter` changes the events,
    given the number of the run and the id of a tensor's description.
    """
    writer = TraceWriter(
        directory,
        level="operation",
        subject="bench",
        command=[],
        settings={},
        environment={},
        version="0",
        values_budget=0,
    )
    names = [writer.string(f"aten::op{number}") for number in range(STRINGS)]
    described = writer.string("float32[8, 3]")
    places = [writer.location("train.py", line, "main") for line in range(1, LINES + 1)]
    for number in range(table_bytes // 45):
        writer.location("a.py", number, "f")
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
    if alter is not None:
        alter(events, run, described)
        writer.thread("thread-1")
    writer.close(Outcome(OutcomeKind.COMPLETED, 0), ops // OPS_PER_STEP)
    events.tofile(directory / EVENTS_FILE)
    header = json.loads((directory / RUN_FILE).read_text())  # the writer saw none of the events
    (directory / RUN_FILE).write_text(
        json.dumps(header | {"events": len(events)}, separators=(",", ":"))
    )


def all_gradients_differ(events: Any, run: int, described: int) -> None:
    """Make every event a gradient, each with another digest in each run."""
    events["kind"], events["aux"] = EventKind.GRADIENT, described
    events["outputs"][:, 1] = run


def calls_from_outside(events: Any, run: int, described: int) -> None:
    """Make nine in ten events calls of a clock, each with another result in each run; then one
    gradient differs."""
    events["kind"], events["aux"], events["inputs"] = EventKind.ENTROPY, 0, 0
    events["kind"][::10], events["kind"][-1], events["aux"][-1] = (
        EventKind.OP,
        EventKind.GRADIENT,
        described,
    )
    events["outputs"][:, 1] = run


def other_draws(events: Any, run: int, described: int) -> None:
    """Make a fifth of the ops random, each drawing from a state that no other run had; then one
    gradient differs."""
    drawing = np.flatnonzero(events["kind"] == EventKind.OP)[::5]
    events["flags"][drawing] = EventFlag.RANDOM
    events["aux"][drawing] = run * len(events) + drawing
    events["outputs"][drawing, 1] = events["outputs"][-1, 1] = run


def other_thread(events: Any, run: int, described: int) -> None:
    """Put all events into another thread, where order is chance, each with another result in each
    run."""
    events["thread"], events["outputs"][:, 1] = 1, run
