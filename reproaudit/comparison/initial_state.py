"""What two recordings of a loop found before its first step: parameters and buffers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reproaudit.model.events import EventKind, Phase
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.views import TensorEvent


@dataclass(frozen=True, slots=True)
class InitialDifference:
    """What differs where two recordings begin: the first tensor, how many do, of how many in
    both."""

    name: str
    tensor: str  # its description, "float32[8, 3]"
    count: int
    total: int


def find_initial_difference(a: Run, b: Run) -> InitialDifference | None:
    """Return what differs where both recordings begin; None if nothing does, or if none of it was
    recorded, as in the run of a whole program."""
    there = {event.name: event for event in _list_initial(b.main)}
    both = [(event, there[event.name]) for event in _list_initial(a.main) if event.name in there]
    differing = [
        one for one, other in both if (one.tensor, one.digest) != (other.tensor, other.digest)
    ]
    if not differing:
        return None
    first = differing[0]
    return InitialDifference(first.name, first.tensor, len(differing), len(both))


def _list_initial(trace: Trace) -> Iterator[TensorEvent]:
    for number in trace.columns.numbers(EventKind.STATE).tolist():
        event = trace.tensor(number)
        if event.phase is Phase.INITIALISATION and event.is_digested:
            yield event
