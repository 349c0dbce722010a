"""When in a step an op ran, for people."""

from __future__ import annotations

import numpy as np

from reproaudit.model.events import EventKind, Phase
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import OpEvent

_STATES = (EventKind.GRADIENT, EventKind.PARAMETER)
_CALLS = (EventKind.BATCH, EventKind.OUTPUT)


def find_moment(event: OpEvent, trace: Trace) -> tuple[Phase, int]:
    """Return the phase and the step of an op.

    What a program itself does between a backward pass and the optimizer's step, as clipping a norm,
    belongs to the update. What it does before another forward pass makes data, as everything
    outside of passes and steps.
    """
    if prepares_update(event, trace):
        return Phase.OPTIMIZER, event.step
    return event.stage, event.step


def prepares_update(event: OpEvent, trace: Trace) -> bool:
    """Return True for what a program does itself between a backward pass and an update."""
    if event.stage is not Phase.DATA:
        return False
    columns = trace.columns
    before = columns.take(slice(0, event.number))
    is_backward = (before.phase == int(Phase.BACKWARD)) & (before.step == event.step)
    if not is_backward.any():
        return False
    later = columns.take(slice(event.number + 1, None))
    boundaries = np.flatnonzero(later.are(*_STATES, *_CALLS))
    if not len(boundaries):
        return False
    return int(later.kind[boundaries[0]]) in _STATES
