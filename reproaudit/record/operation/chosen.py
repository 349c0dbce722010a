"""The calls that a plan chose: those whose values are wanted, and those that are pinned."""

from __future__ import annotations

from typing import Any

import torch

from reproaudit.model.events import Unchecked
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.operation.pins import Pinned, Pins
from reproaudit.record.operation.targets import Capture, TargetValues
from reproaudit.record.session import Recorder
from reproaudit.record.state import rng


class ChosenCalls:
    """Tells whether the op that is about to run was chosen."""

    def __init__(self, recorder: Recorder) -> None:
        plan = recorder.plan
        self._writer = recorder.writer
        self._targets = TargetValues(recorder, plan.targets) if plan.targets else None
        self._pins = Pins(recorder) if plan.pins else None

    def match(self, info: OpInfo, site: int, phase: int) -> ChosenCall | None:
        capture = self._targets.match(info.name, site, phase) if self._targets is not None else None
        pinned = self._pins.match(info, site, phase) if self._pins is not None else None
        if capture is None and pinned is None:
            return None
        if rng.is_capturing():
            self._writer.note(
                Unchecked.GRAPH_CAPTURE,
                f"values of {info.name} inside CUDA graph capture",
                "an op that is captured has none until the replay",
            )
            return None
        return ChosenCall(info, capture, pinned)


class ChosenCall:
    """One chosen call, told of each moment of its life."""

    def __init__(self, info: OpInfo, capture: Capture | None, pinned: Pinned | None) -> None:
        self._info = info
        self._capture = capture
        self._pinned = pinned

    def before(self, func: Any, args: Any, kwargs: Any) -> None:
        if self._capture is not None:
            self._capture.before(func, args, kwargs, self._info)

    def after(self, result: Any, written: list[torch.Tensor]) -> None:
        """The op has run. Its own outputs are looked at before a pin gives it others."""
        if self._capture is not None:
            self._capture.after(written, self._info)
        if self._pinned is not None:
            self._pinned.after(result, written)

    def recorded(self, event: int) -> None:
        if self._capture is not None:
            self._capture.recorded(event)
        if self._pinned is not None:
            self._pinned.recorded(event)
