"""The calls that a plan chose: whose values or slices are wanted, or that are pinned."""

from __future__ import annotations

from typing import Any

import torch

from reproaudit.model.events import Unchecked
from reproaudit.record.operation.operands import tensors_read
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.operation.pins import Pinned, Pins
from reproaudit.record.operation.sliced import Numbers, SlicedCalls
from reproaudit.record.operation.targets import Capture, TargetValues
from reproaudit.record.session import Recorder
from reproaudit.record.state import rng


class ChosenCalls:
    """Finds out for each op that is about to run whether it was chosen."""

    def __init__(self, recorder: Recorder) -> None:
        plan = recorder.plan
        self._writer = recorder.writer
        self._targets = TargetValues(recorder, plan.targets) if plan.targets else None
        self._pins = Pins(recorder) if plan.pins else None
        self._sliced = SlicedCalls(recorder) if plan.slices_mb else None

    def match(self, info: OpInfo, place: tuple[int, int, int]) -> ChosenCall | None:
        """Return the chosen call at `place`: phase, module id and location id."""
        phase, _, site = place
        capture = None
        pinned = None
        if self._targets is not None:
            capture = self._targets.match(info.name, site, phase)
        if self._pins is not None:
            pinned = self._pins.match(info, site, phase)
        sliced = self._sliced
        if sliced is not None and (info.is_view or info.is_undefined or sliced.is_over):
            sliced = None
        if capture is None and pinned is None and sliced is None:
            return None
        if rng.is_capturing():
            # A copy to the host would end the capture.
            self._writer.note(
                Unchecked.GRAPH_CAPTURE,
                f"values of {info.name} inside CUDA graph capture",
                "an op that is captured has none until the replay",
            )
            return None
        return ChosenCall(info, capture, pinned, sliced)


class ChosenCall:
    """One chosen call: its values or slices are wanted, or it is pinned, or several of these."""

    def __init__(
        self,
        info: OpInfo,
        capture: Capture | None,
        pinned: Pinned | None,
        sliced: SlicedCalls | None,
    ) -> None:
        self._info = info
        self._capture = capture
        self._pinned = pinned
        self._sliced = sliced
        self._read: list[Numbers | None] = []
        self._written: list[Numbers | None] = []

    def before_call(self, func: Any, args: Any, kwargs: Any) -> None:
        if self._sliced is not None:
            self._read = self._sliced.take(tensors_read(self._info, args, kwargs))
        if self._capture is not None:
            self._capture.before_call(func, args, kwargs, self._info)

    def after_call(self, result: Any, written: list[torch.Tensor]) -> None:
        """Keep the op's own outputs, then give it others if it is pinned."""
        if self._sliced is not None:
            self._written = self._sliced.take(written)
        if self._capture is not None:
            self._capture.after_call(written, self._info)
        if self._pinned is not None:
            self._pinned.after_call(result, written)

    def finish(self, event: int) -> None:
        """Complete what is kept, now that the op has an event."""
        if self._sliced is not None:
            self._sliced.add(event, self._read, self._written)
        if self._capture is not None:
            self._capture.finish(event)
        if self._pinned is not None:
            self._pinned.finish(event)
