"""What other processes send: it counts when it has arrived, and not when the op that receives it
returns.

A result has arrived when the program, or PyTorch on its behalf, has waited for it. Nothing here
waits. What nobody has waited for, or what is touched earlier, stays undigested.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from reproaudit.model.events import EventFlag, Unchecked
from reproaudit.record.digest.gather import DeviceDigests, Part
from reproaudit.record.digest.tensors import combine
from reproaudit.record.hooks.guest import Guest
from reproaudit.record.hooks.op_calls import call_op
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.operation.message_ops import (
    Message,
    count_bytes,
    find_work,
    list_received,
    list_sent,
    list_tensors,
)
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.operation.undefined import storage_of
from reproaudit.record.session import Recorder
from reproaudit.record.torch_private import storage_key

_WAITS = ("wait", "synchronize", "block_current_stream")
_UNDIGESTED = int(EventFlag.UNDIGESTED)
_UNDEFINED = int(EventFlag.UNDEFINED)
_ABOUT_MEMORY = int(EventFlag.READS_UNDEFINED | EventFlag.OUTSIDE_WRITE)
# PyTorch's Python code that hands on what has to be waited for; elsewhere its C++ waits.
_HANDS_ON = ("torch.distributed.distributed_c10d", "torch.distributed._functional_collectives")
_BELOW = "torch."  # C++ that no Python code calls, as in a thread of autograd
_REDUCES = ("torch.autograd.graph", _BELOW)  # below them gradients are reduced
_FRAMES_OF_OURS = 4  # between what is running and the program
_MOST_AT_ONCE = 10_000

_Tensor = torch.Tensor
_getframe = sys._getframe
_Place = tuple[int, int, int]  # phase, id of the module, id of the location


@dataclass(frozen=True, slots=True, eq=False)
class _Expected:
    """An op under way: its event, the tensors that it writes, and what can be waited for."""

    event: int
    tensors: list[_Tensor]
    work: Any
    is_waited_below: bool  # by PyTorch's C++, before anything else touches the tensors

    def has_arrived(self) -> bool:
        """Return True if the result is there. Asks, and waits for nothing."""
        if self.work is None:
            return False
        if any(not tensor.is_cpu for tensor in self.tensors):
            # On a device an op that is waited for only stands before the next ones in their stream.
            return self.is_waited_below
        return bool(self.work.is_completed())


class Messages:
    """Follows the ops that are under way until what they receive has arrived.

    `digest` digests tensors that have just been written.
    """

    def __init__(
        self,
        recorder: Recorder,
        devices: DeviceDigests,
        digest: Callable[[list[_Tensor]], list[Part]],
    ) -> None:
        self._recorder = recorder
        self._devices = devices
        self._digest = digest
        self._lock = threading.RLock()
        self._by_event: dict[int, _Expected] = {}
        self._by_work: dict[int, _Expected] = {}
        self._by_storage: dict[int, list[_Expected]] = {}
        self.is_waiting = False
        self._caller = ""  # the module that calls the op which is being started
        # The line that made the module whose gradients PyTorch itself reduces; 0 where there is
        # none, or more than one.
        self.reducer_site = 0
        self._reducer_sites: set[int] = set()

    def install(self, patches: Patches) -> None:
        """See what the program waits for, and where it has its gradients reduced."""
        recorder = self._recorder
        # Before the digests of a step are fetched.
        recorder.on_flush.insert(0, self._end_step)
        if not torch.distributed.is_available():
            return
        from torch.distributed.distributed_c10d import Work

        if not hasattr(Work, "unbox"):
            recorder.writer.note(
                Unchecked.TORCH_NAME_MISSING,
                "what arrives from other processes",
                f"torch {torch.__version__} lacks torch.distributed.distributed_c10d.Work.unbox",
            )
            return
        for name in _WAITS:
            if hasattr(Work, name):
                patches.replace(Work, name, self._wrap_wait(getattr(Work, name)))
        wrapper = torch.nn.parallel.DistributedDataParallel
        patches.replace(wrapper, "__init__", self._wrap_reducer(wrapper.__init__))

    def _wrap_wait(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def wait(work: Any, /, *args: Any, **kwargs: Any) -> Any:
            result = original(work, *args, **kwargs)
            if self.is_waiting:
                with Guest(self._recorder, "some of what arrives from other processes"):
                    self._arrive(self._by_work.get(id(work)))
            return result

        return wait

    def _wrap_reducer(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __init__(module: Any, /, *args: Any, **kwargs: Any) -> None:
            site = self._recorder.sites.here()
            self._reducer_sites.add(site)
            self.reducer_site = site if len(self._reducer_sites) == 1 else 0
            original(module, *args, **kwargs)

        return __init__

    def find_place(self, place: _Place) -> _Place:
        """Return where an op is called: what PyTorch reduces by itself, at the wrapped module."""
        self._caller = _name_caller()
        if self.reducer_site and self._caller in _REDUCES:
            return place[0], place[1], self.reducer_site
        return place

    def describe(
        self, message: Message, args: Any, result: Any, known: tuple[int, int]
    ) -> tuple[int, int, list[_Tensor] | None]:
        """Return flags, `aux` and what arrives later; `known` are flags and `aux` before the call.

        `aux` is the number of bytes that are given to be reduced, where it says nothing else.
        """
        flags, aux = known
        if flags & _UNDEFINED:
            return flags, aux, None
        received = list_received(message, args, result)
        if received is None or received:
            flags |= _UNDIGESTED
            # For events with digests on a device, which take the flag off.
            self._recorder.state.is_undigested = True
        if message.reduces and not flags & _ABOUT_MEMORY:
            aux = count_bytes(list_sent(message, args))
        return flags, aux, received

    def expect(self, event: int, tensors: list[_Tensor], result: Any) -> None:
        """Follow an op that has just been started, whose event is flagged UNDIGESTED."""
        is_waited_below = self._caller.startswith("torch.") and self._caller not in _HANDS_ON
        expected = _Expected(event, tensors, find_work(result), is_waited_below)
        with self._lock:
            if len(self._by_event) >= _MOST_AT_ONCE:
                self._forget(list(self._by_event.values()))
            self._by_event[event] = expected
            if expected.work is not None:
                self._by_work[id(expected.work)] = expected
            for key in _find_keys(tensors):
                self._by_storage.setdefault(key, []).append(expected)
            self.is_waiting = True

    def call_wait(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Call an op that waits; what it has waited for has arrived."""
        result = call_op(func, args, kwargs)
        if self.is_waiting:
            with Guest(self._recorder, "some of what arrives from other processes"):
                for expected in self._find(list_tensors(args)):
                    self._arrive(expected)
        return result

    def are_touched(self, info: OpInfo, args: Any, kwargs: Any) -> bool:
        """Return True if an op is about to touch what has not arrived; digest what has."""
        tensors = list_tensors((*args, *kwargs.values()))
        if not self.are_under_way(tensors):
            return False
        if info.mutated:
            # Nobody will know what arrived.
            self._forget(self._find(tensors))
        return True

    def are_under_way(self, tensors: Iterable[_Tensor]) -> bool:
        """Return True if one of the tensors, which an op is about to touch, has not arrived.

        What has arrived by then is digested, as it is before the op.
        """
        found = False
        for expected in self._find(tensors):
            if expected.has_arrived():
                self._arrive(expected)
            else:
                found = True
        return found

    def end_hidden_waits(self, values: Sequence[Any]) -> None:
        """Digest what an op has waited for whose arguments say themselves that they arrived."""
        inner = [part for value in values for part in _list_inner(value)]
        waited = [part for part in inner if getattr(part, "completed", False) is True]
        for expected in self._find(waited):
            self._arrive(expected)

    def _find(self, tensors: Iterable[_Tensor]) -> list[_Expected]:
        found: dict[int, _Expected] = {}
        for key in _find_keys(tensors):
            for expected in self._by_storage.get(key, ()):
                found[expected.event] = expected
        return list(found.values())

    def _arrive(self, expected: _Expected | None) -> None:
        """Digest what an op received, now that it is there, and complete its event."""
        if expected is None or expected.event not in self._by_event:
            return
        self._forget([expected])
        parts = self._digest(expected.tensors)
        if len(parts) != len(expected.tensors):
            return  # one of them has no bytes
        if not all(type(part) is tuple for part in parts):
            self._devices.defer(expected.event, [], parts)
            return
        try:
            outputs = combine(parts)  # type: ignore[arg-type]
            self._recorder.writer.patch(expected.event, outputs=outputs, clear=_UNDIGESTED)
        except ValueError:
            return  # the event was written by now, and stays UNDIGESTED

    def _forget(self, gone: Sequence[_Expected]) -> None:
        with self._lock:
            for expected in gone:
                self._by_event.pop(expected.event, None)
                self._by_work.pop(id(expected.work), None)
                for key in _find_keys(expected.tensors):
                    here = self._by_storage.get(key, [])
                    if expected in here:
                        here.remove(expected)
                    if not here:
                        self._by_storage.pop(key, None)
            self.is_waiting = bool(self._by_event)

    def _end_step(self) -> None:
        """Digest what has arrived; what has not by the end of its step stays UNDIGESTED."""
        if not self.is_waiting:
            return
        with Guest(self._recorder, "some of what arrives from other processes"):
            expected = list(self._by_event.values())
            for one in expected:
                if one.has_arrived():
                    self._arrive(one)
            self._forget(expected)


def _name_caller() -> str:
    """Return the name of the module that calls the op which the recorder is about to make.

    "torch.": nothing in Python does.
    """
    try:
        return str(_getframe(_FRAMES_OF_OURS).f_globals.get("__name__", ""))
    except ValueError:
        return _BELOW


def _find_keys(tensors: Iterable[_Tensor]) -> set[int]:
    """Return the keys of the memory that tensors, or those that they consist of, lie in."""
    keys: set[int] = set()
    for tensor in tensors:
        for inner in _list_inner(tensor):
            storage = storage_of(inner)
            if storage is not None:
                keys.add(storage_key(storage))
    return keys


def _list_inner(value: Any) -> list[_Tensor]:
    """Return a tensor, and those that a wrapper such as an AsyncCollectiveTensor consists of."""
    if not isinstance(value, _Tensor):
        return []
    flatten = getattr(type(value), "__tensor_flatten__", None)
    if flatten is None:
        return [value]
    found = [value]
    for name in flatten(value)[0]:
        found += _list_inner(getattr(value, name, None))
    return found
