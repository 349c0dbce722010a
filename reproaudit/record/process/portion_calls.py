"""What is recorded of calls that a plan makes in portions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reproaudit.model.events import Level, Phase

if TYPE_CHECKING:
    from reproaudit.record.session import Recorder


@contextlib.contextmanager
def silence_at_boundary(recorder: Recorder | None) -> Iterator[None]:
    """Record nothing of a call at boundary level: portions have shapes of their own.

    What is compared is what they come to together.
    """
    if recorder is None or recorder.plan.level is not Level.BOUNDARY or not recorder.active:
        yield
        return
    recorder.active = False
    try:
        yield
    finally:
        recorder.active = True


@contextlib.contextmanager
def enter_forward(recorder: Recorder | None) -> Iterator[None]:
    """Let operators outside of modules be of the forward pass: nothing else is asked for."""
    if recorder is None:
        yield
        return
    state = recorder.state
    outer = state.phase
    state.phase = Phase.FORWARD
    try:
        yield
    finally:
        state.phase = outer
