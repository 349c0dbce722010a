"""Uses of one tensor on several CUDA streams, or by a stream and the host, that nothing orders.

The bookkeeping is PyTorch's own, of the CUDA Stream Sanitizer (torch/cuda/_sanitizer.py): which
stream has waited for what. It is fed with the operators that the recorder sees and with PyTorch's
trace of allocations, events and waits. The sanitizer itself would replace the program's dispatch
mode, take a stack trace for each operator, and end the program at the first race. What the host may
read too early is added here.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef

from reproaudit.model.events import EventFlag, EventKind, Unchecked
from reproaudit.record.digest.tensors import PLAIN_TYPES, describe
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.operation.operands import tensors_read, tensors_written
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.operation.sanitizer import private_sanitizer
from reproaudit.record.operation.undefined import storage_of
from reproaudit.record.session import Recorder
from reproaudit.record.state import rng
from reproaudit.record.torch_private import (
    SANITIZER_CALLBACKS,
    SANITIZER_LAUNCH,
    gpu_trace,
    storage_key,
)

_MOST_RACES = 1000  # that are written down; each is a pair of lines
_MOST_READS = 64  # of one tensor, remembered before all but the latest of each stream are forgotten
_MOST_COPIES = 1000  # remembered before those that are over are forgotten
_COPIES = frozenset({"_to_copy", "copy_", "copy", "_foreach_copy_"})
_NO_KERNEL = frozenset({"record_stream"})


@dataclass(frozen=True, slots=True)
class Use:
    """One operator as the sanitizer remembers it: what it is called, and ids of its place in the
    trace."""

    name: int
    phase: int
    module: int
    site: int
    text: str


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy between the device and pinned memory that the host did not wait for."""

    use: Use
    stream: int
    number: int  # the sanitizer's sequence number of the copy
    fills_host: bool
    host: StorageWeakRef


class _Here(threading.local):
    is_running = False  # an operator of the program, inside the recorder
    waits: list[Callable[[], None]] | None = None


class StreamRaces:
    """Told of each operator, reports each pair of lines that races, once, as an alert with the flag
    RACED."""

    def __init__(self, recorder: Recorder, sanitizer: Any) -> None:
        self._recorder = recorder
        self._handler = sanitizer.EventHandler()
        self._handle_launch = getattr(self._handler, SANITIZER_LAUNCH)
        self._write = sanitizer.AccessType.WRITE
        self._lock = (
            threading.RLock()
        )  # memory may be freed, and told of here, in the middle of an operator
        self._here = _Here()
        self._views: dict[
            int, set[int]
        ] = {}  # by the address of the allocation: the addresses in it that were used
        self._streams: dict[int, int] = {0: 0}  # numbers to show, by handle
        self._copies: dict[int, _Copy] = {}
        self._seen: set[tuple[object, ...]] = set()

    @classmethod
    def start(cls, recorder: Recorder, patches: Patches) -> StreamRaces | None:
        """Follow streams from here on; None where torch has no CUDA or not the parts that it takes,
        which is noted."""
        if not _has_cuda():
            return None
        try:
            found = cls(recorder, private_sanitizer())
            found._listen(patches)
        except (
            ImportError,
            AttributeError,
            TypeError,
        ) as missing:  # parts of torch that promise nothing
            recorder.writer.note(
                Unchecked.STREAMS_UNWATCHED,
                "synchronisation between CUDA streams",
                f"torch {torch.__version__} lacks a part that it takes: {missing}",
            )
            return None
        return found

    def _listen(self, patches: Patches) -> None:
        trace = gpu_trace()
        for registry_name, (method, is_wait) in SANITIZER_CALLBACKS.items():
            registry = getattr(trace, registry_name)
            callback = self._callback(getattr(self._handler, method), is_wait, registry_name)
            registry.add_callback(callback)
            patches.on_undo(functools.partial(registry.callback_list.remove, callback))
        for kind, handle, method in (
            (torch.cuda.Event, "cuda_event", self._method("EventSynchronizationCallbacks")),
            (torch.cuda.Stream, "cuda_stream", self._method("StreamSynchronizationCallbacks")),
        ):
            patches.replace(kind, "query", self._asking(kind.query, handle, method))

    def _method(self, registry: str) -> Any:
        """Return the sanitizer's method for what torch tells of in a registry."""
        return getattr(self._handler, SANITIZER_CALLBACKS[registry][0])

    def _callback(
        self, method: Callable[..., None], is_wait: bool, registry: str
    ) -> Callable[..., None]:
        frees = registry == "MemoryDeallocationCallbacks"

        def callback(*args: int) -> None:
            recorder = self._recorder
            # The recorder's own waits, for digests, are not the program's: without it they would
            # not be made.
            if not recorder.active or (
                is_wait and recorder.state.inside and not self._here.is_running
            ):
                return
            with self._lock:
                method(*args)
                if is_wait and self._here.waits is not None:
                    self._here.waits.append(lambda: method(*args))
                if frees:
                    for address in self._views.pop(args[0], ()):
                        if address != args[0]:
                            method(address)

        return callback

    def _asking(
        self, query: Callable[[Any], bool], handle: str, wait: Callable[[int], None]
    ) -> Callable[[Any], bool]:
        """A program that asks until the work is done has waited for it."""

        @functools.wraps(query)
        def asked(self_: Any) -> bool:
            is_done = query(self_)
            if is_done and self._recorder.active:
                with self._lock:
                    wait(getattr(self_, handle))
            return is_done

        return asked

    # -- operators
    # ---------------------------------------------------------------------------------------------------

    def running(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return what makes the program's call, so that waits within it are known to be the
        program's."""

        def run(*args: Any, **kwargs: Any) -> Any:
            self._here.is_running, self._here.waits = True, []
            try:
                return func(*args, **kwargs)
            finally:
                self._here.is_running = False

        return run

    def ran(
        self, info: OpInfo, args: Any, kwargs: Any, result: Any, place: tuple[int, int, int]
    ) -> None:
        """Account for an operator that has just run, at `place`: phase, module id and location id."""
        waits, self._here.waits = self._here.waits or [], None
        if info.is_view or info.is_undefined or info.base in _NO_KERNEL:
            return
        read = _plain(tensors_read(info, args, kwargs))
        written = _plain(tensors_written(info, args, kwargs, result))
        device = next(
            (tensor.device for tensor in (*written, *read) if _is_on_device(tensor)), None
        )
        if device is None and not self._copies:
            return
        writer = self._recorder.writer
        use = Use(writer.string(info.name), *place, info.name)
        with self._lock:
            if device is None:
                self._host_uses(use, read, written)
                return
            if rng.is_capturing():
                return
            stream = _raw_stream(device)
            self._launch(use, stream, self._addresses(read), self._addresses(written))
            if info.base in _COPIES and not waits:
                self._remember_copy(use, stream, read, written)
            if not any(_is_on_device(tensor) for tensor in written):
                for (
                    wait
                ) in waits:  # it read, and waited for that; the wait was told of before the reading
                    wait()

    def _addresses(self, tensors: list[torch.Tensor]) -> dict[int, torch.Tensor]:
        """Return the tensors on the device, by the address that the sanitizer is to know them by."""
        found: dict[int, torch.Tensor] = {}
        for tensor in tensors:
            if _is_on_device(tensor) and tensor.layout is torch.strided and tensor.numel():
                address = tensor.data_ptr()
                allocation = address - int(tensor.storage_offset()) * tensor.element_size()
                self._views.setdefault(allocation, set()).add(address)
                found[address] = tensor
        return found

    def _launch(
        self, use: Use, stream: int, read: dict[int, torch.Tensor], written: dict[int, torch.Tensor]
    ) -> None:
        """Tell the sanitizer of a kernel on `stream`, and report what it finds."""
        used = {**read, **written}
        errors = self._handle_launch(
            stream, read.keys() - written.keys(), set(written), set(), use, dict.fromkeys(used, ())
        )
        self._forget_reads(read)
        for error in errors:
            now, before = error.current_access, error.previous_access
            text = describe(used[error.data_ptr])
            # Whoever reads is where wrong content shows: the later one, unless it is the earlier
            # one that only read.
            if now.type is self._write and before.type is not self._write:
                message = f"reads {text} on {self._stream(before.stream)}, unordered with the later write on"
                self._report(
                    before.operator,
                    f"{message} {self._stream(now.stream)} by {use.text} at",
                    now.operator,
                )
            else:
                verb = "writes" if now.type is self._write else "reads"
                message = (
                    f"{verb} {text} on {self._stream(now.stream)}, unordered with the write on"
                )
                other = before.operator
                self._report(
                    use, f"{message} {self._stream(before.stream)} by {other.text} at", other
                )

    def _forget_reads(self, addresses: Iterable[int]) -> None:
        """Of many reads since the last write, keep the latest of each stream: whoever waited for it
        waited for all."""
        for address in addresses:
            reads = self._handler.tensors_accessed.get_reads(address)
            if len(reads) > _MOST_READS:
                reads[:] = {access.stream: access for access in reads}.values()

    # -- the host
    # ----------------------------------------------------------------------------------------------------

    def _remember_copy(
        self, use: Use, stream: int, read: list[torch.Tensor], written: list[torch.Tensor]
    ) -> None:
        """Remember an unfinished copy from or to pinned memory; those through pageable memory end
        with the call."""
        if len(self._copies) >= _MOST_COPIES:
            self._copies = {
                key: copy for key, copy in self._copies.items() if self._is_under_way(copy)
            }
        for fills_host, tensors in ((True, written), (False, read)):
            for tensor in tensors:
                if (
                    not _is_on_device(tensor)
                    and _is_pinned(tensor)
                    and (storage := storage_of(tensor)) is not None
                ):
                    copy = _Copy(
                        use, stream, self._handler.seq_num, fills_host, StorageWeakRef(storage)
                    )
                    self._copies[storage_key(storage)] = copy

    def _host_uses(self, use: Use, read: list[torch.Tensor], written: list[torch.Tensor]) -> None:
        """Report an operator of the CPU that uses memory of a copy which the host has not waited
        for."""
        for tensors, writes in ((read, False), (written, True)):
            for tensor in tensors:
                storage = storage_of(tensor)
                copy = self._copies.get(storage_key(storage)) if storage is not None else None
                if copy is None or not (copy.fills_host or writes):
                    continue
                del self._copies[storage_key(storage)]
                if self._is_under_way(copy):
                    verb, way = "writes" if writes else "reads", "to" if copy.fills_host else "from"
                    message = f"{verb} {describe(tensor)} on the host, while the copy {way} it may be under way, made by"
                    self._report(use, f"{message} {copy.use.text} at", copy.use, is_host=True)

    def _is_under_way(self, copy: _Copy) -> bool:
        return (
            not copy.host.expired()
            and self._handler.syncs.host_sync_state.get(copy.stream, -1) < copy.number
        )

    # -- reports
    # -----------------------------------------------------------------------------------------------------

    def _stream(self, handle: int) -> str:
        number = self._streams.setdefault(handle, len(self._streams))
        return f"stream {number}" if number else "the default stream"

    def _report(self, use: Use, message: str, other: Use, *, is_host: bool = False) -> None:
        key = (use, other, is_host)
        if key in self._seen or len(self._seen) >= _MOST_RACES:
            return
        self._seen.add(key)
        recorder, writer = self._recorder, self._recorder.writer
        writer.add(
            EventKind.ALERT,
            use.phase,
            int(EventFlag.RACED),
            recorder.step,
            use.name,
            use.module,
            use.site,
            recorder.thread(),
            0,
            writer.string(message),
            other.name,
            other.site,
            int(is_host),
            0,
        )


def _plain(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """Leave out subclasses, whose memory is not their own."""
    return [tensor for tensor in tensors if type(tensor) in PLAIN_TYPES]


# Functions of their own, so that a test can let the CPU stand in for a device.


def _has_cuda() -> bool:
    return bool(torch.backends.cuda.is_built())


def _is_on_device(tensor: torch.Tensor) -> bool:
    return tensor.is_cuda


def _is_pinned(tensor: torch.Tensor) -> bool:
    return tensor.is_cpu and tensor.is_pinned()


def _raw_stream(device: torch.device) -> int:
    return int(torch.cuda.current_stream(device).cuda_stream)
