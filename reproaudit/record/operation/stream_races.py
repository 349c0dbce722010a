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

from reproaudit.model.events import Unchecked
from reproaudit.record.digest.tensors import PLAIN_TYPES, describe
from reproaudit.record.hooks.op_calls import call_op
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
    """One operator as the sanitizer remembers it: ids of its name and place in the trace."""

    name: int
    phase: int
    module: int
    site: int
    text: str  # the name


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
    """Is told of each operator, and writes an alert for each pair of lines that races, once.

    The alert carries the flag RACED.
    """

    def __init__(self, recorder: Recorder, sanitizer: Any) -> None:
        self._recorder = recorder
        self.handler = sanitizer.EventHandler()
        self._handle_launch = getattr(self.handler, SANITIZER_LAUNCH)
        self._write = sanitizer.AccessType.WRITE
        # Reentrant: memory may be freed, which is reported here, in the middle of an operator.
        self._lock = threading.RLock()
        self._here = _Here()
        # By the address of the allocation: the addresses in it that were used.
        self._views: dict[int, set[int]] = {}
        self._streams: dict[int, int] = {0: 0}  # numbers to show, by handle
        self._copies: dict[int, _Copy] = {}
        self._seen: set[tuple[object, ...]] = set()

    @classmethod
    def start(cls, recorder: Recorder, patches: Patches) -> StreamRaces | None:
        """Follow streams from here on.

        None where torch has no CUDA, or lacks a part that this takes, which is noted.
        """
        if not has_cuda():
            return None
        try:
            found = cls(recorder, private_sanitizer())
            found._subscribe(patches)
        except (ImportError, AttributeError, TypeError) as missing:
            # These parts of torch are private: another version may have none.
            recorder.writer.note(
                Unchecked.STREAMS_UNWATCHED,
                "synchronisation between CUDA streams",
                f"torch {torch.__version__} lacks a part that it takes: {missing}",
            )
            return None
        return found

    def _subscribe(self, patches: Patches) -> None:
        trace = gpu_trace()
        for registry_name, (method, is_wait) in SANITIZER_CALLBACKS.items():
            registry = getattr(trace, registry_name)
            callback = self._callback(getattr(self.handler, method), is_wait, registry_name)
            registry.add_callback(callback)
            patches.on_undo(functools.partial(registry.callback_list.remove, callback))
        for kind, handle, registry_name in (
            (torch.cuda.Event, "cuda_event", "EventSynchronizationCallbacks"),
            (torch.cuda.Stream, "cuda_stream", "StreamSynchronizationCallbacks"),
        ):
            wait = self._method(registry_name)
            patches.replace(kind, "query", self._wrap_query(kind.query, handle, wait))

    def _method(self, registry: str) -> Any:
        """Return the sanitizer's method for what torch reports through a registry."""
        return getattr(self.handler, SANITIZER_CALLBACKS[registry][0])

    def _callback(
        self, method: Callable[..., None], is_wait: bool, registry: str
    ) -> Callable[..., None]:
        frees = registry == "MemoryDeallocationCallbacks"

        def callback(*args: int) -> None:
            recorder = self._recorder
            if not recorder.active:
                return
            # The recorder's own waits, for digests, are not the program's: without the recorder
            # they would not be made, so they must not order anything.
            if is_wait and recorder.state.inside and not self._here.is_running:
                return
            with self._lock:
                method(*args)
                if is_wait and self._here.waits is not None:
                    self._here.waits.append(functools.partial(method, *args))
                if frees:
                    for address in self._views.pop(args[0], ()):
                        if address != args[0]:
                            method(address)

        return callback

    def _wrap_query(
        self, query: Callable[[Any], bool], handle: str, wait: Callable[[int], None]
    ) -> Callable[[Any], bool]:
        """Take an answer of True for a wait: a program may ask until the work is done."""

        @functools.wraps(query)
        def ask(self_: Any) -> bool:
            is_done = query(self_)
            if is_done and self._recorder.active:
                with self._lock:
                    wait(getattr(self_, handle))
            return is_done

        return ask

    # -- operators

    def watch_waits(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap the program's call, so that waits within it are known to be the program's."""

        def run(*args: Any, **kwargs: Any) -> Any:
            here = self._here
            here.is_running = True
            here.waits = []
            try:
                # Here, for the wrapper does not say which of its arguments are tensors.
                return call_op(func, args, kwargs)
            finally:
                here.is_running = False

        return run

    def account(
        self, info: OpInfo, args: Any, kwargs: Any, result: Any, *, place: tuple[int, int, int]
    ) -> None:
        """Account for an operator that has just run, at `place`: phase, module id, location id."""
        waits = self._here.waits or []
        self._here.waits = None
        if info.is_view or info.is_undefined or info.base in _NO_KERNEL:
            return
        read = _plain_tensors(tensors_read(info, args, kwargs))
        written = _plain_tensors(tensors_written(info, args, kwargs, result))
        device = _first_device([*written, *read])
        if device is None and not self._copies:
            return
        phase, module, site = place
        use = Use(
            name=self._recorder.writer.string(info.name),
            phase=phase,
            module=module,
            site=site,
            text=info.name,
        )
        with self._lock:
            if device is None:
                self._check_host(use, read, written)
                return
            if rng.is_capturing():
                return  # nothing runs yet: the operator becomes part of a graph
            stream = find_stream(device)
            self._launch(use, stream, self._addresses(read), self._addresses(written))
            if info.base in _COPIES and not waits:
                self._remember_copy(use, stream, read, written)
            if not any(is_on_device(tensor) for tensor in written):
                # The operator read and waited for that. The sanitizer was told of the wait before
                # it was told of the reading, so it is told again.
                for wait in waits:
                    wait()

    def _addresses(self, tensors: list[torch.Tensor]) -> dict[int, torch.Tensor]:
        """Return the tensors on the device, by the address that the sanitizer knows them by."""
        found: dict[int, torch.Tensor] = {}
        for tensor in tensors:
            if is_on_device(tensor) and tensor.layout is torch.strided and tensor.numel():
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
        only_read = read.keys() - written.keys()
        no_outputs: set[int] = set()
        aliases: dict[int, tuple[()]] = dict.fromkeys(used, ())
        kernel = (stream, only_read, set(written), no_outputs, use, aliases)
        errors = self._handle_launch(*kernel)
        self.forget_reads(read)
        for error in errors:
            text = describe(used[error.data_ptr])
            self._report_streams(use, text, now=error.current_access, before=error.previous_access)

    def _report_streams(self, use: Use, text: str, *, now: Any, before: Any) -> None:
        """Report two accesses of a tensor, described by `text`, that nothing orders."""
        earlier = self._name_stream(before.stream)
        later = self._name_stream(now.stream)
        # Whoever reads is where wrong content shows: the later one, unless it is the earlier one
        # that only read.
        if now.type is self._write and before.type is not self._write:
            message = f"reads {text} on {earlier}, unordered with the later write on"
            self._report(before.operator, f"{message} {later} by {use.text} at", now.operator)
            return
        verb = "writes" if now.type is self._write else "reads"
        message = f"{verb} {text} on {later}, unordered with the write on"
        other = before.operator
        self._report(use, f"{message} {earlier} by {other.text} at", other)

    def forget_reads(self, addresses: Iterable[int]) -> None:
        """Of many reads since the last write, keep the latest of each stream.

        Whoever waited for that one waited for all.
        """
        for address in addresses:
            reads = self.handler.tensors_accessed.get_reads(address)
            if len(reads) > _MOST_READS:
                reads[:] = {access.stream: access for access in reads}.values()

    # -- the host

    def _remember_copy(
        self, use: Use, stream: int, read: list[torch.Tensor], written: list[torch.Tensor]
    ) -> None:
        """Remember an unfinished copy from or to pinned memory.

        Copies through pageable memory end with the call.
        """
        if len(self._copies) >= _MOST_COPIES:
            under_way = [item for item in self._copies.items() if self._is_under_way(item[1])]
            self._copies = dict(under_way)
        for fills_host, tensors in ((True, written), (False, read)):
            for tensor in tensors:
                if is_on_device(tensor) or not is_pinned(tensor):
                    continue
                storage = storage_of(tensor)
                if storage is None:
                    continue
                self._copies[storage_key(storage)] = _Copy(
                    use=use,
                    stream=stream,
                    number=self.handler.seq_num,
                    fills_host=fills_host,
                    host=StorageWeakRef(storage),
                )

    def _check_host(self, use: Use, read: list[torch.Tensor], written: list[torch.Tensor]) -> None:
        """Report an operator of the CPU that uses memory of a copy the host has not waited for."""
        for tensors, writes in ((read, False), (written, True)):
            for tensor in tensors:
                storage = storage_of(tensor)
                if storage is None:
                    continue
                key = storage_key(storage)
                copy = self._copies.get(key)
                # To read what a copy reads does no harm.
                if copy is None or not (copy.fills_host or writes):
                    continue
                del self._copies[key]
                if self._is_under_way(copy):
                    self._report_host(use, describe(tensor), copy, writes=writes)

    def _report_host(self, use: Use, text: str, copy: _Copy, *, writes: bool) -> None:
        verb = "writes" if writes else "reads"
        way = "to" if copy.fills_host else "from"
        message = (
            f"{verb} {text} on the host, while the copy {way} it may be under way, made by "
            f"{copy.use.text} at"
        )
        self._report(use, message, copy.use, is_host=True)

    def _is_under_way(self, copy: _Copy) -> bool:
        if copy.host.expired():
            return False
        last_waited_for = self.handler.syncs.host_sync_state.get(copy.stream, -1)
        return bool(last_waited_for < copy.number)

    # -- reports

    def _name_stream(self, handle: int) -> str:
        number = self._streams.setdefault(handle, len(self._streams))
        return f"stream {number}" if number else "the default stream"

    def _report(self, use: Use, message: str, other: Use, *, is_host: bool = False) -> None:
        key = (use, other, is_host)
        if key in self._seen or len(self._seen) >= _MOST_RACES:
            return
        self._seen.add(key)
        recorder = self._recorder
        recorder.writer.add_race(
            at=recorder.moment(use.phase, use.site),
            op=use.name,
            module=use.module,
            message=message,
            other_op=other.name,
            other_location=other.site,
            is_with_host=is_host,
        )


def _first_device(tensors: list[torch.Tensor]) -> torch.device | None:
    for tensor in tensors:
        if is_on_device(tensor):
            return tensor.device
    return None


def _plain_tensors(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """Leave out subclasses, whose memory is not their own."""
    return [tensor for tensor in tensors if type(tensor) in PLAIN_TYPES]


# Functions of their own, so that a test can let the CPU stand in for a device.


def has_cuda() -> bool:
    return bool(torch.backends.cuda.is_built())


def is_in_use() -> bool:
    """Return True once the program uses a device. A build for CUDA may run where there is none."""
    return bool(torch.cuda.is_initialized())


def is_on_device(tensor: torch.Tensor) -> bool:
    return tensor.is_cuda


def is_pinned(tensor: torch.Tensor) -> bool:
    return tensor.is_cpu and tensor.is_pinned()


def find_stream(device: torch.device) -> int:
    return int(torch.cuda.current_stream(device).cuda_stream)
