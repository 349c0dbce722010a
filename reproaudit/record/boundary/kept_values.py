"""Keeps the bytes of boundary tensors beside their digests, while the budget lasts."""

from __future__ import annotations

import torch

from reproaudit.model.events import EventKind, Level
from reproaudit.record.digest.tensors import raw_bytes
from reproaudit.record.session import Recorder
from reproaudit.record.state import rng
from reproaudit.trace.words import RANK_KINDS


class KeptValues:
    """Chooses by the plan of a run whose bytes are kept."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        plan = recorder.plan
        self._chosen = set(plan.keep)  # kind, name, step
        # At the values level the budget belongs to the ops that were asked for.
        self._keeps = plan.values_mb > 0 and plan.level is not Level.VALUES

    def keep(self, event: int, kind: EventKind, name: str, tensor: torch.Tensor) -> None:
        """Keep the bytes of an event's tensor, if they are wanted and the budget allows it."""
        if not self._keeps or kind in RANK_KINDS:
            return
        writer = self._recorder.writer
        key = (int(kind), name, self._recorder.step)
        if self._chosen and key not in self._chosen:
            return
        if tensor.is_cuda and rng.is_capturing():
            return  # a copy to the host would end the capture, and there are no values yet
        # What a plan asks for by name is kept whatever its size.
        if not self._chosen:
            size = tensor.numel() * tensor.element_size()
            if size > writer.values_left:
                return
        raw = raw_bytes(tensor)
        if raw is not None:
            writer.keep(event, 0, *raw)
