"""What of a training step looks at its batch as a whole, so that parts of it do not add up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from reproaudit.comparison.localise import Source
from reproaudit.knowledge.op_families import is_batch_norm
from reproaudit.model.events import EventFlag, Phase
from reproaudit.trace.runs import Run
from reproaudit.trace.slices import SlicedCall, Slices
from reproaudit.trace.views import OpEvent

_Call = tuple[OpEvent, SlicedCall]


def find_batch_norm(run: Run) -> Source | None:
    """Return the first batch norm that computed a mean over rows; None if none did."""
    return _find_first(run, _is_training_norm)


def find_draw(whole: Run, split: Run) -> Source | None:
    """Return the first op that drew for more rows in one of the runs; None if none did."""
    shapes = {_describe_draw(call) for _, call in _list_calls(split) if _is_draw(call)}
    return _find_first(whole, lambda call: _is_draw(call) and _describe_draw(call) not in shapes)


def find_loss(run: Run) -> Source | None:
    """Return the last op before the first backward pass that made one number of several: the loss;
    None if there is none."""
    found = None
    for process, call in _list_calls(run):
        if call[0].stage is Phase.BACKWARD:
            break
        if _makes_one_number(call):
            found = process, call
    return None if found is None else _as_source(*found)


def _find_first(run: Run, is_wanted: Callable[[_Call], bool]) -> Source | None:
    for process, call in _list_calls(run):
        if is_wanted(call):
            return _as_source(process, call)
    return None


def _list_calls(run: Run) -> Iterator[tuple[str, _Call]]:
    """Yield the ops of which slices were recorded, each with the name of its process."""
    for process, trace in run.traces:
        slices = Slices(trace.directory)
        for event in slices.events:
            call = slices.call(event)
            if call is not None:
                yield process, (trace.op(event), call)


def _as_source(process: str, call: _Call) -> Source:
    number = call[0].number
    return Source.of_op(process, number, number)


def _is_training_norm(call: _Call) -> bool:
    op, operands = call
    # In eval mode it gives out no mean of the batch: what stands there has no elements.
    means = operands.outputs[1:2]
    return is_batch_norm(op.name) and any(math.prod(mean.shape) for mean in means)


def _is_draw(call: _Call) -> bool:
    op, _ = call
    return bool(op.flags & EventFlag.RANDOM) and op.stage is not Phase.BACKWARD


def _describe_draw(call: _Call) -> tuple[object, ...]:
    op, operands = call
    return (op.name, op.location, tuple(tensor.shape for tensor in operands.outputs))


def _makes_one_number(call: _Call) -> bool:
    _, operands = call
    read = sum(math.prod(tensor.shape) for tensor in operands.inputs)
    one = operands.outputs[:1]
    return read > 1 and any(tensor.is_float and math.prod(tensor.shape) == 1 for tensor in one)
