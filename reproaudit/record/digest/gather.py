"""Digests of device tensors: enqueued where the op runs, fetched together once per step."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from reproaudit.model.events import EventFlag, Unchecked
from reproaudit.record.digest.device import digest_into, fold, why_no_kernel
from reproaudit.record.digest.tensors import Digest, combine, untraced
from reproaudit.record.state.rng import is_capturing
from reproaudit.record.torch_private import DisableFunctionModes, cuda_stream_handle
from reproaudit.trace.writer import TraceWriter

ROWS = 1 << 14  # digests per buffer of 256 KiB; a step with more of them takes further buffers
# Events that wait before they are fetched although no step ends, as in a program without steps.
MOST_PENDING = 1 << 17
_LONGEST_REASON = 300  # characters of an error's message

_getpid = os.getpid


class Buffer:
    """Rows of two int64 sums on one device, written by one stream only.

    A digest that ran on a stream of ours, or wrote where another stream reads, would need an event
    between the streams, and that could hide the very race that makes the program differ. So each
    stream has its own buffers: it zeroes them, fills them, and copies them to the host, in its own
    order.
    """

    def __init__(self, device: torch.device) -> None:
        # In inference mode a tensor would be made that no code outside of it may change.
        with torch.inference_mode(False):
            self.rows = torch.zeros((ROWS, 2), dtype=torch.int64, device=device)
        self.stream: Any = None
        if device.type == "cuda":
            self.stream = torch.cuda.current_stream(device)
        self.taken = 0
        # Of the rows taken, those whose digests were fetched or could not be begun.
        self.settled = 0

    def start_copy(self) -> Callable[[], list[list[int]]]:
        """Enqueue the copy of the rows taken so far to the host.

        Returns a function that waits for the copy and returns the rows.
        """
        filled = self.rows[: self.taken]
        if self.stream is None:
            return filled.cpu().tolist
        with torch.cuda.stream(self.stream):
            copy = filled.to("cpu", non_blocking=True)  # into pinned memory
            copied = torch.cuda.Event()
            copied.record(self.stream)

        def wait() -> list[list[int]]:
            # For an event: a program may have asked torch to raise when a stream is waited for
            # (torch.cuda.set_sync_debug_mode).
            copied.synchronize()
            rows: list[list[int]] = copy.tolist()
            return rows

        return wait

    def clear(self) -> None:
        """Make all rows free again.

        On the buffer's own stream, so that what the stream does next finds zeros.
        """
        filled = self.rows[: self.taken]
        if self.stream is None:
            filled.zero_()
        else:
            with torch.cuda.stream(self.stream):
                filled.zero_()
        self.taken = 0
        self.settled = 0


@dataclass(slots=True, eq=False)
class DeviceDigest:
    """A digest that is still on its device: a row of sums, and the seed of dtype and shape."""

    buffer: Buffer
    row: int
    seed: int


Part = DeviceDigest | Digest
# Digests that were fetched, by the id of the DeviceDigest.
_Values = dict[int, Digest]
# A device and the handle of one of its streams; 0 for devices without streams.
_Lane = tuple[torch.device, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Pending:
    """An event whose digests are not all on the host yet."""

    event: int
    inputs: list[Part]
    outputs: list[Part]
    is_complete: bool  # no tensor of the event lacks a digest


class DeviceDigests:
    """Collects pending digests, so that recording an op never waits for the device.

    Safe to use from several threads.

    An event that waits is flagged UNDIGESTED until its digest is there, so that no way in which
    this can fail (a fork, a graph capture, an error of the device, a kill) leaves two events that
    look equal because neither was digested.
    """

    def __init__(self, writer: TraceWriter) -> None:
        self._writer = writer
        self._pending: list[_Pending] = []
        self._open: dict[_Lane, Buffer] = {}  # the buffer that each stream is filling
        self._full: dict[_Lane, list[Buffer]] = {}
        self._free: dict[_Lane, list[Buffer]] = {}
        # Reentrant: a signal's handler may end the trace while the lock is held.
        self._lock = threading.RLock()
        self._gathering = threading.RLock()
        self._pid = _getpid()
        self._noted_ops = False

    @property
    def pending(self) -> int:
        """The number of events that wait for digests."""
        return len(self._pending)

    def later(self, tensor: torch.Tensor) -> DeviceDigest | None:
        """Start the digest of `tensor` on its device; None if it has no bytes (meta, fake)."""
        if _getpid() != self._pid:
            # The parent's device is out of reach, and what a child computes is never gathered.
            self._writer.note(
                Unchecked.FORKED_DEVICE_TENSORS,
                "device tensors in a forked process",
                "only the process that was started digests them",
            )
            return None
        # Else a function mode, as torch.set_default_device enters one, would see each look at the
        # tensor.
        with DisableFunctionModes():
            part = self._start(tensor)
        if not self._noted_ops and why_no_kernel():
            self._noted_ops = True
            self._writer.note(
                Unchecked.DEVICE_DIGESTS_SLOW,
                "the speed of digests on CUDA",
                f"PyTorch ops compute them, because Triton failed: {why_no_kernel()}",
            )
        return part

    def _start(self, tensor: torch.Tensor) -> DeviceDigest | None:
        device = tensor.device
        is_cuda = tensor.is_cuda
        if tensor.is_meta:
            return None
        if is_cuda and not torch.cuda.is_initialized():
            return None  # a fake tensor, which only claims to be there
        try:
            if is_cuda and is_capturing(device):
                # What runs now only builds the graph; a digest would become part of it and be
                # replayed with it.
                self._writer.note(
                    Unchecked.GRAPH_CAPTURE,
                    "tensors inside CUDA graph capture",
                    "digesting them would change the captured graph",
                )
                return None
            stream = cuda_stream_handle(device.index) if is_cuda else 0
            buffer, row = self._take((device, stream))
        except RuntimeError as error:
            # No memory is left on the device, or it met an error from which it never recovers.
            self._writer.note(
                Unchecked.DEVICE_DIGESTS_FAILED,
                "some device tensors",
                f"the device could not digest them: {_first_line(error)}",
            )
            return None
        seed = digest_into(tensor, buffer.rows, row)
        if seed is None:
            with self._lock:
                buffer.settled += 1
            return None
        return DeviceDigest(buffer, row, seed)

    def _take(self, lane: _Lane) -> tuple[Buffer, int]:
        """Return a row of zeros that nobody else will write, in a buffer of the stream."""
        with self._lock:
            buffer = self._open.get(lane)
            if buffer is None or buffer.taken == ROWS:
                if buffer is not None:
                    self._full.setdefault(lane, []).append(buffer)
                buffer = self._open[lane] = self._free_buffer(lane)
            row = buffer.taken
            buffer.taken += 1
            return buffer, row

    def _free_buffer(self, lane: _Lane) -> Buffer:
        free = self._free.get(lane)
        if free:
            return free.pop()
        with untraced():
            return Buffer(lane[0])

    def defer(
        self, event: int, inputs: list[Part], outputs: list[Part], *, is_complete: bool = True
    ) -> None:
        """Complete the event's digests at the next `gather`; until then the writer must not flush
        it.

        Not `is_complete`: some tensor of the event has no part among them, and it stays UNDIGESTED.
        """
        with self._lock:
            self._writer.hold = True
            self._writer.mark(event, EventFlag.UNDIGESTED)
            self._pending.append(_Pending(event, inputs, outputs, is_complete))
        if len(self._pending) >= MOST_PENDING:
            self.gather()

    def gather(self) -> None:
        """Fetch all pending digests, with one wait, and patch their events."""
        if not self._pending or _getpid() != self._pid:
            return
        # One thread at a time: the first to end would let the writer flush the other's events.
        with self._gathering:
            with self._lock:
                pending = self._pending
                self._pending = []
            try:
                self._patch(pending, self._fetch(pending))
            except RuntimeError as error:
                self._writer.note(
                    Unchecked.DEVICE_DIGESTS_FAILED,
                    "some device tensors",
                    f"their digests could not be fetched: {_first_line(error)}",
                )
            with self._lock:
                self._writer.hold = bool(self._pending)

    def _fetch(self, pending: list[_Pending]) -> _Values:
        """Return the digest of each part by its id; RuntimeError if the device cannot be asked."""
        parts: list[DeviceDigest] = []
        for waiting in pending:
            for part in (*waiting.inputs, *waiting.outputs):
                if isinstance(part, DeviceDigest):
                    parts.append(part)
        buffers = {id(part.buffer): part.buffer for part in parts}
        for buffer in buffers.values():
            device = buffer.rows.device
            if buffer.rows.is_cuda and is_capturing(device):
                raise RuntimeError(
                    "a step ended while a CUDA graph was captured, where nothing may be waited for"
                )
        with untraced():
            # All copies are begun before the first is waited for.
            waits = {key: buffer.start_copy() for key, buffer in buffers.items()}
            rows = {key: wait() for key, wait in waits.items()}
            values: _Values = {}
            for part in parts:
                fetched = rows[id(part.buffer)]
                first, second = fetched[part.row]
                values[id(part)] = fold((first, second), part.seed)
            self._recycle(parts)
        return values

    def _recycle(self, fetched: list[DeviceDigest]) -> None:
        """Free the buffers whose digests were all fetched.

        The digests that are still to come keep the others alive.
        """
        with self._lock:
            for part in fetched:
                part.buffer.settled += 1
            for lane, buffer in self._open.items():
                self._full.setdefault(lane, []).append(buffer)
            self._open.clear()
            for lane, buffers in self._full.items():
                for buffer in buffers:
                    if buffer.settled == buffer.taken:
                        buffer.clear()
                        self._free.setdefault(lane, []).append(buffer)
            self._full.clear()

    def _patch(self, pending: list[_Pending], values: _Values) -> None:
        for waiting in pending:
            # What lacks the digest of a tensor stays UNDIGESTED.
            clear = EventFlag.UNDIGESTED if waiting.is_complete else EventFlag(0)
            try:
                self._writer.patch(
                    waiting.event,
                    inputs=_resolve(waiting.inputs, values),
                    outputs=_resolve(waiting.outputs, values),
                    clear=clear,
                )
            except ValueError:
                # Another thread ended a step, which flushed the event before its digest was there.
                self._writer.note(
                    Unchecked.DEVICE_DIGESTS_FAILED,
                    "device tensors of some ops",
                    "another thread ended a step while they were recorded",
                )


def _first_line(error: RuntimeError) -> str:
    first, _, _ = str(error).partition("\n")
    return first[:_LONGEST_REASON]


def _resolve(parts: list[Part], values: _Values) -> Digest | None:
    """Return the combined digest of parts, of which those on a device are looked up."""
    if not parts:
        return None
    digests: list[Digest] = []
    for part in parts:
        if isinstance(part, DeviceDigest):
            digests.append(values[id(part)])
        else:
            digests.append(part)
    return combine(digests)
