"""The events of operators: digests of operands, also of those on a device, put into records."""

from __future__ import annotations

from typing import Any

import torch

from reproaudit.model.events import EventFlag, EventKind
from reproaudit.record.digest.gather import DeviceDigest, DeviceDigests
from reproaudit.record.digest.stored import NO_DIGEST, Operand, combine_packed, unpack_operands
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.operation.places import NameIds, Place
from reproaudit.record.session import Recorder
from reproaudit.trace.event_calls import pack_op

_OP = int(EventKind.OP)
_UNDIGESTED = int(EventFlag.UNDIGESTED)
_MOST_TENSORS = 0xFFFF  # that an event can count


class OpEvents:
    """Writes the events of operators of all threads; `emit` runs for each: see `dispatch`."""

    def __init__(self, recorder: Recorder, devices: DeviceDigests, names: NameIds) -> None:
        self._recorder = recorder
        self._devices = devices
        self._names = names
        self._is_on_device = False

    def start_on_device(self, tensor: torch.Tensor) -> DeviceDigest | None:
        """Start the digest of a tensor that is not on the CPU; None if it has no bytes."""
        self._is_on_device = True
        part = self._devices.later(tensor)
        if part is None and not tensor.is_meta:
            self._recorder.of_thread.state.is_undigested = True
        return part

    def emit(
        self,
        info: OpInfo,
        place: Place,
        known: tuple[int, int, list[Operand]],
        outputs: list[Operand],
    ) -> int:
        """Write the event of an op; return its number.

        `known` are its flags, `aux` and the digests of its inputs.
        """
        flags, aux, inputs = known
        recorder = self._recorder
        state = recorder.of_thread.state
        phase, module, site = place
        count = len(outputs)
        is_complete = True
        is_deferred = False
        if self._is_on_device:
            is_complete = not state.is_undigested
            state.is_undigested = False
            is_deferred = not all(type(part) is bytes for part in (*inputs, *outputs))
            if not is_complete and not is_deferred:
                flags |= _UNDIGESTED
        read: Any = NO_DIGEST
        written: Any = NO_DIGEST
        if not is_deferred:
            read = inputs[0] if len(inputs) == 1 else combine_packed(inputs)  # type: ignore[arg-type]
            written = outputs[0] if count == 1 else combine_packed(outputs)  # type: ignore[arg-type]
        record = pack_op(
            _OP,
            phase,
            flags,
            recorder.step,
            self._names[info.name],
            module,
            site,
            state.ordinal if state.ordinal >= 0 else recorder.thread(),
            count if count < _MOST_TENSORS else _MOST_TENSORS,
            aux,
            read,
            written,
        )
        event = recorder.writer.add_record(record)
        if is_deferred:
            pair = unpack_operands(inputs), unpack_operands(outputs)
            self._devices.defer(event, *pair, is_complete=is_complete)
        return event
