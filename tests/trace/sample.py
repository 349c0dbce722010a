"""A small trace with some of everything, and what a test needs to compare one with what was
written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reproaudit.model.events import EventFlag, EventKind, Outcome, OutcomeKind, Phase, Unchecked
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.records import EVENT, Events
from reproaudit.trace.writer import TraceWriter

DONE = Outcome(OutcomeKind.COMPLETED, 0)
FLOATS = np.arange(6, dtype=np.float32).reshape(2, 3)


def new_writer(directory: Path, **changes: Any) -> TraceWriter:
    facts: dict[str, Any] = {
        "level": "operation",
        "subject": "train.py",
        "command": ["train.py", "--epochs", "1"],
        "settings": {"seed": 1, "env": {"A": "b"}},
        "environment": {"torch": "2.13.0"},
        "version": "0.1",
        "values_budget": 1 << 20,
    }
    return TraceWriter(directory, **(facts | changes))


def op(writer: TraceWriter, name: str = "aten::mm", number: int = 0) -> int:
    """Add an op whose digests tell its number."""
    return writer.append(
        EventKind.OP,
        at=Moment(Phase.FORWARD, 0),
        flags=EventFlag.RANDOM,
        name=writer.string(name),
        aux=7,
        inputs=(number, 1),
        outputs=(number, 2),
    )


def write_sample(directory: Path) -> Events:
    """Write a finished trace of eight events with three tensors kept; return the events as they
    should be read."""
    writer = new_writer(directory)
    place, thread = writer.location("model/naïve.py", 41, "forward"), writer.thread("thread-1")
    for number in range(6):
        op(writer, f"aten::op{number % 3}", number)
    loss = writer.add_tensor(
        EventKind.OUTPUT,
        at=Moment(Phase.FORWARD, 1, place, thread),
        name="loss",
        tensor="float32[2, 3]",
        digest=(1 << 63, 5),
    )
    assert writer.keep(loss, 0, "bool", (3,), b"\x01\x00\x01")
    assert writer.keep(loss, 1, "float32", (2, 3), FLOATS)
    assert writer.keep(loss, 2, "complex64", (1,), bytes(8))
    writer.change("torch.backends.cudnn.benchmark", "False", "True", place)
    writer.flush(1)
    op(writer, "aten::sum", 7)
    writer.note(Unchecked.NO_BYTES, "gradient embedding", "it is sparse")
    writer.close(DONE, 2)
    return np.fromfile(directory / "events.bin", EVENT)
