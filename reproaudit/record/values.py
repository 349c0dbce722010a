"""The values level: inputs and outputs of the ops that a comparison asked for, and what repeating them gives."""

from __future__ import annotations

from typing import Any

import torch

from reproaudit.model import EventFlag
from reproaudit.plan import Target
from reproaudit.record.digest import digest, raw_bytes
from reproaudit.record.operands import tensors_read, tensors_written
from reproaudit.record.opinfo import OpInfo
from reproaudit.record.session import Recorder
from reproaudit.trace.schema import INPUTS_FROM

_REPLAYS = 20


class TargetValues:
    """Tells whether the op that is about to run is one of the targets, counting occurrences as the comparison did."""

    def __init__(self, recorder: Recorder, targets: tuple[Target, ...]) -> None:
        self._recorder = recorder
        self._by_name: dict[str, list[Target]] = {}
        for target in targets:
            self._by_name.setdefault(target.name, []).append(target)
        self._seen: dict[tuple[str, int, int, int, int], int] = {}

    def match(self, name: str, site: int, phase: int) -> Capture | None:
        candidates = self._by_name.get(name)
        if candidates is None:
            return None
        recorder = self._recorder
        thread = recorder.thread()
        key = (name, site, int(phase), recorder.step, thread)
        occurrence = self._seen[key] = self._seen.get(key, -1) + 1
        path, line, _ = recorder.writer.location_of(site)
        for target in candidates:
            if (target.location_path, target.location_line, target.phase, target.step, target.occurrence) == (
                path, line, int(phase), recorder.step, occurrence,
            ) and target.thread == thread:  # fmt: skip
                return Capture(recorder)
        return None


class Capture:
    """Inputs are copied before the op runs, because it may overwrite them; outputs after."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._inputs: list[tuple[torch.Tensor, tuple[str, tuple[int, ...], bytes]]] = []

    def before(self, args: Any, kwargs: Any, info: OpInfo) -> None:
        left = self._recorder.writer.values_left
        for tensor in tensors_read(info, args, kwargs):
            size = tensor.numel() * tensor.element_size()
            if size <= left and (raw := raw_bytes(tensor)) is not None:
                left -= size
                self._inputs.append((tensor, raw))

    def after(self, event: int, func: Any, args: Any, kwargs: Any, result: Any, info: OpInfo) -> None:
        """Keep the outputs and the copied inputs; look whether an input changed meanwhile; repeat the call."""
        writer = self._recorder.writer
        written = tensors_written(info, args, kwargs, result)
        flags = self._outside_write(written)
        if not flags and not info.mutated and not info.is_random and not info.is_view:
            flags = self._replay(func, args, kwargs, written, info)
        writer.mark(event, int(flags))
        for number, tensor in enumerate(written):
            if (raw := raw_bytes(tensor)) is not None:
                writer.keep(event, number, *raw)
        for number, (_, (dtype, shape, data)) in enumerate(self._inputs):
            writer.keep(event, INPUTS_FROM + number, dtype, shape, data)

    def _outside_write(self, written: list[torch.Tensor]) -> EventFlag:
        """An input that the op does not write and that differs after it was written by somebody else meanwhile."""
        own = {_memory(tensor) for tensor in written}
        for tensor, before in self._inputs:
            if _memory(tensor) not in own and raw_bytes(tensor) != before:
                return EventFlag.OUTSIDE_WRITE
        return EventFlag(0)

    def _replay(self, func: Any, args: Any, kwargs: Any, written: list[torch.Tensor], info: OpInfo) -> EventFlag:
        """Make the same call again, on inputs that nobody has touched, until a result differs."""
        wanted = [digest(tensor) for tensor in written]
        for _ in range(_REPLAYS):
            again = tensors_written(info, args, kwargs, func(*args, **kwargs))
            if [digest(tensor) for tensor in again] != wanted:
                return EventFlag.REPLAYED | EventFlag.REPLAY_DIFFERED
        return EventFlag.REPLAYED


def _memory(tensor: torch.Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):  # a layout without one storage
        return id(tensor)
