"""Pinned sources: calls whose outputs one run keeps and later runs are given in place of theirs."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from reproaudit.config.plan import Pin
from reproaudit.model.events import EventFlag, Unchecked
from reproaudit.record.digest.tensors import raw_bytes
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.session import Recorder
from reproaudit.trace.reader import Trace
from reproaudit.trace.writer import TraceWriter

Key = tuple[str, str, int, int, int]  # op, path, line, phase, cell


def _key(pin: Pin) -> Key:
    return pin.name, pin.location_path, pin.location_line, pin.phase, pin.location_cell


class Reference:
    """What a reference run kept at each pin, by thread, in the order of the calls."""

    def __init__(self, folder: str, pins: Iterable[Pin]) -> None:
        self._trace = Trace.open(Path(folder))
        self._events: dict[tuple[Key, int], list[int]] = {}
        wanted = {_key(pin) for pin in pins}
        for op in self._trace.operations(flags=EventFlag.PINNED):
            location = op.location
            key = (op.name, location.path, location.line, int(op.phase), location.cell)
            if key in wanted:
                self._events.setdefault((key, op.thread), []).append(op.number)

    def outputs(self, key: Key, thread: int, occurrence: int) -> dict[int, Any] | None:
        """Return the kept outputs of one call by number.

        None if the reference made fewer calls or kept nothing.
        """
        events = self._events.get((key, thread), ())
        if occurrence >= len(events):
            return None
        event = events[occurrence]
        kept = {value.number: value for value in self._trace.values(event)}
        return kept or None


class Pins:
    """Looks up whether a call is pinned, counting the calls of each pin and thread."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._by_op: dict[str, set[Key]] = {}
        for pin in recorder.plan.pins:
            self._by_op.setdefault(pin.name, set()).add(_key(pin))
        self._counts: dict[tuple[Key, int], int] = {}
        self._reference: Reference | None = None
        folder = recorder.plan.reference
        if folder:
            self._reference = Reference(folder, recorder.plan.pins)

    def match(self, info: OpInfo, site: int, phase: int) -> Pinned | None:
        keys = self._by_op.get(info.name)
        if keys is None:
            return None
        path, line, _, cell = self._recorder.writer.location_of(site)
        key = (info.name, path, line, int(phase), cell)
        if key not in keys:
            return None
        if info.is_undefined:
            return Cleared(self._recorder.writer)
        thread = self._recorder.thread()
        occurrence = self._counts.get((key, thread), 0)
        self._counts[key, thread] = occurrence + 1
        writer = self._recorder.writer
        if self._reference is None:
            return Kept(writer)
        outputs = self._reference.outputs(key, thread, occurrence)
        return Given(writer, info.name, outputs)


class Pinned:
    """One pinned call. The reference run keeps its outputs, later runs are given them."""

    def __init__(self, writer: TraceWriter) -> None:
        self.writer = writer

    def after_call(self, result: Any, written: list[torch.Tensor]) -> None:
        """Do what the pin asks for: the op has run, and its outputs are not yet digested."""

    def finish(self, event: int) -> None:
        self.writer.mark(event, EventFlag.PINNED)


class Cleared(Pinned):
    """Memory that was allocated. It has no content to keep: all runs fill it with zeros."""

    def after_call(self, result: Any, written: list[torch.Tensor]) -> None:
        tensors = (result,) if isinstance(result, torch.Tensor) else result
        for tensor in tensors:
            storage = tensor.untyped_storage()
            if storage.nbytes() and tensor.device.type != "meta":
                # The whole storage, in bytes: a tensor may be a part of it, and of any dtype.
                memory = torch.empty(0, dtype=torch.uint8, device=tensor.device)
                memory.set_(storage).zero_()


class Kept(Pinned):
    """A call of the reference run: its outputs are kept."""

    def after_call(self, result: Any, written: list[torch.Tensor]) -> None:
        self._outputs = [raw_bytes(tensor) for tensor in written]

    def finish(self, event: int) -> None:
        super().finish(event)
        for number, raw in enumerate(self._outputs):
            if raw is None or not self.writer.keep(event, number, *raw):
                self.writer.note(
                    Unchecked.PINS_INCOMPLETE,
                    "pinned outputs",
                    "some are past the budget for kept values or have no plain bytes",
                )


class Given(Pinned):
    """A call of a later run, which is given what the reference's call gave.

    Where that does not fit the call keeps its own outputs.
    """

    def __init__(self, writer: TraceWriter, name: str, outputs: dict[int, Any] | None) -> None:
        super().__init__(writer)
        self._outputs = outputs
        if outputs is None:
            writer.note(
                Unchecked.PINS_INCOMPLETE,
                f"some calls of {name}",
                "the reference run kept no outputs for them",
            )

    def after_call(self, result: Any, written: list[torch.Tensor]) -> None:
        if self._outputs is None:
            return
        for number, tensor in enumerate(written):
            value = self._outputs.get(number)
            if value is None:
                continue
            has_shape = tuple(value.shape) == tuple(tensor.shape)
            if has_shape and value.dtype == str(tensor.dtype)[6:]:
                _write(tensor, bytes(value.data))


def _write(tensor: torch.Tensor, data: bytes) -> None:
    """Overwrite the tensor with exact bytes in logical order."""
    source = torch.empty(tensor.shape, dtype=tensor.dtype)
    ctypes.memmove(source.data_ptr(), data, len(data))
    with torch.no_grad():
        tensor.copy_(source)
