"""What of a run no random stream decides: settings of optimizers, shapes, the number of steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reproaudit.model.events import EventKind, OutcomeKind
from reproaudit.model.question import StateKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run, pair_traces
from reproaudit.trace.words import StateMoment


@dataclass(frozen=True, slots=True)
class DifferingFact:
    """Something that is not the same in two runs, each in a few words."""

    name: str
    first: str
    second: str


def list_differing_facts(a: Run, b: Run) -> Iterator[DifferingFact]:
    """Yield what differs from the beginning on, in the order in which a program comes to it.

    What is decided while the program trains, as a learning rate is by a scheduler, is left out.
    Runs must have recorded their training state.
    """
    seen: set[str] = set()
    for _, trace_a, trace_b in pair_traces(a, b):
        for name, first, second in _compare_traces(trace_a, trace_b):
            if name not in seen:
                seen.add(name)
                yield DifferingFact(name, first, second)
    kinds = {a.outcome.kind, b.outcome.kind}
    if kinds == {OutcomeKind.COMPLETED} and a.steps != b.steps:
        yield DifferingFact("number of optimizer steps", str(a.steps), str(b.steps))


def _compare_traces(a: Trace, b: Trace) -> Iterator[tuple[str, str, str]]:
    of_a, of_b = _list_optimizer_settings(a), _list_optimizer_settings(b)
    for name, first in of_a.items():
        second = of_b.get(name)
        if second is not None and second != first:
            optimizer, _, setting = name.partition(": ")
            yield f"{setting} of {optimizer}", first, second
    for kind, what in ((EventKind.PARAMETER, "parameter"), (EventKind.BATCH, "first batch")):
        shapes_a, shapes_b = _list_first_shapes(a, kind), _list_first_shapes(b, kind)
        for name, first in shapes_a.items():
            second = shapes_b.get(name)
            if second is not None and second != first:
                yield f"{what} {name}", first, second
                break


def _list_optimizer_settings(trace: Trace) -> dict[str, str]:
    """Return the settings of optimizers as their first step begins, by `Adam: lr`."""
    found: dict[str, str] = {}
    for piece in trace.pieces():
        is_setting = piece.piece is StateKind.OPTIMIZER and ": " in piece.name
        if is_setting and piece.moment is StateMoment.UPDATE and piece.step == 0:
            found.setdefault(piece.name, piece.shown)
    return found


def _list_first_shapes(trace: Trace, kind: EventKind) -> dict[str, str]:
    """Return dtypes and shapes of the tensors of the first step, by name."""
    found: dict[str, str] = {}
    for number in trace.columns.numbers(kind).tolist():
        tensor = trace.tensor(number)
        if tensor.step > 0:
            break
        found.setdefault(tensor.name, tensor.tensor)
    return found
