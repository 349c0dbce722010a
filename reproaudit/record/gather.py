"""Digests of device tensors, computed on the device and fetched together once per step."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from reproaudit.record.device_digest import device_digest, fold
from reproaudit.record.digest import combine, seed_for
from reproaudit.trace.writer import TraceWriter


@dataclass(slots=True)
class DeviceDigest:
    """A digest that is still on its device: two int64 sums, and the seed of dtype and shape that completes it."""

    pair: torch.Tensor
    seed: int


Part = DeviceDigest | tuple[int, int]


class DeviceDigests:
    """Collects pending digests so that recording an op never waits for the device."""

    def __init__(self, writer: TraceWriter) -> None:
        self._writer = writer
        self._pending: list[tuple[int, list[Part], list[Part]]] = []

    def later(self, tensor: torch.Tensor) -> DeviceDigest | None:
        """Start the digest of `tensor` on its device; None for tensors without bytes (meta, fake)."""
        if tensor.is_cuda and torch.cuda.is_current_stream_capturing():
            # What runs now only builds the graph; a digest would become part of it and be replayed with it.
            self._writer.note("tensors inside CUDA graph capture", "digesting them would change the captured graph")
            return None
        pair = device_digest(tensor)
        return None if pair is None else DeviceDigest(pair, seed_for(tensor))

    def defer(self, event: int, inputs: list[Part], outputs: list[Part]) -> None:
        """Complete the event's digests at the next `gather`; until then the writer must not flush it."""
        self._writer.hold = True
        self._pending.append((event, inputs, outputs))

    def gather(self) -> None:
        """Fetch all pending digests with one copy per device and patch their events."""
        if not self._pending:
            return
        by_device: dict[torch.device, list[DeviceDigest]] = {}
        for _, inputs, outputs in self._pending:
            for part in (*inputs, *outputs):
                if isinstance(part, DeviceDigest):
                    by_device.setdefault(part.pair.device, []).append(part)
        values: dict[int, tuple[int, int]] = {}
        for parts in by_device.values():
            rows = torch.stack([part.pair for part in parts]).cpu().tolist()
            for part, row in zip(parts, rows, strict=True):
                values[id(part)] = fold((row[0], row[1]), part.seed)
        for event, inputs, outputs in self._pending:
            self._writer.patch(event, inputs=_resolve(inputs, values), outputs=_resolve(outputs, values))
        self._pending.clear()
        self._writer.hold = False


def _resolve(parts: list[Part], values: dict[int, tuple[int, int]]) -> tuple[int, int] | None:
    if not parts:
        return None
    return combine([values[id(part)] if isinstance(part, DeviceDigest) else part for part in parts])
