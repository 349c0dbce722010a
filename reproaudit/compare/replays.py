"""What the runs that kept values show of one op: how it differed, and what repeating it gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reproaudit.compare.elements import TensorContent, element_difference
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.model.result import Difference
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.schema import INPUTS_FROM

PLAIN, CONTENTION, FLAG = (
    0,
    1,
    2,
)  # how an op was repeated: as it was, beside competing work, under the flag


@dataclass(frozen=True, slots=True)
class Repeated:
    """One way of repeating an op: `made` calls, `differing` of them. None made: the op refused, or
    was not asked."""

    way: int
    made: int
    differing: int
    event: int


@dataclass(frozen=True, slots=True)
class Capture:
    """A call whose values were kept: its trace and event, its flags, and its repetitions."""

    trace: Trace
    event: int
    flags: EventFlag
    repeated: tuple[Repeated, ...]

    def outputs(self) -> list[TensorContent]:
        return [value for value in self.trace.values(self.event) if value.number < INPUTS_FROM]

    def others(self) -> list[TensorContent]:
        """Return the outputs of the first plain repetition that differed; empty if none did."""
        event = next(
            (tried.event for tried in self.repeated if tried.way == PLAIN and tried.differing), None
        )
        return [] if event is None else list(self.trace.values(event))


def capture_of(run: Run, process: str, op: str, line: tuple[str, int]) -> Capture | None:
    """Return the kept call of `op` at `line`, the one that was repeated if any was; None if the run
    kept none."""
    trace = dict(run.traces).get(process)
    if trace is None:
        return None
    repeated: dict[int, list[Repeated]] = {}
    for number in np.flatnonzero(trace.events["kind"] == EventKind.REPLAY).tolist():
        row = trace.events[number]
        tried = Repeated(int(row["count"]), int(row["inputs"][0]), int(row["inputs"][1]), number)
        repeated.setdefault(int(row["aux"]), []).append(tried)
    kept = np.flatnonzero(
        (trace.events["kind"] == EventKind.OP) & ((trace.events["flags"] & EventFlag.KEPT) != 0)
    )
    fitting = [number for number in kept.tolist() if _is_at(trace, number, op, line)]
    if not fitting:
        return None
    event = next((number for number in fitting if number in repeated), fitting[0])
    flags = EventFlag(int(trace.events["flags"][event]))
    return Capture(trace, event, flags, tuple(repeated.get(event, ())))


def _is_at(trace: Trace, event: int, op: str, line: tuple[str, int]) -> bool:
    place = trace.locations[trace.events["location"][event]]
    return trace.strings[trace.events["name"][event]] == op and (place.path, place.line) == line


def difference(
    first: Sequence[TensorContent], second: Sequence[TensorContent]
) -> Difference | None:
    """Return how the first outputs that differ do so; None if none differ or their shapes do."""
    for one, other in zip(first, second, strict=False):
        if (one.dtype, one.shape) == (other.dtype, other.shape):
            found = element_difference(one, other)
            if found.differing:
                return found
    return None
