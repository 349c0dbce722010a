"""The dispatch mode that fills new memory."""

from __future__ import annotations

import functools
import threading
from typing import Any

import torch

from reproaudit.record.hooks.dynamo import GuestMode
from reproaudit.record.hooks.op_calls import call_op
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.operation.opinfo import OpInfo, OpTable

_Tensor = torch.Tensor


class FillMode(GuestMode):
    """Writes one byte all over the memory that `torch.empty` and its kin leave undefined."""

    def __init__(self, byte: int) -> None:
        super().__init__()
        self._byte = byte
        self._table = OpTable()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        info = self._table[func]
        if not info.is_undefined or info.base == "resize":  # which returns a copy of defined memory
            return call_op(func, args, kwargs)
        before = _size(_target(info, args, kwargs))
        result = call_op(func, args, kwargs)
        self._fill(result, before)
        return result

    def _fill(self, result: Any, before: int) -> None:
        storage = _memory(result)
        if storage is None or storage.nbytes() <= before:
            return
        fresh: Any = storage[before:] if before else storage  # a slice is the same memory
        fresh.fill_(self._byte)


def _target(info: OpInfo, args: Any, kwargs: Any) -> Any:
    """Return the tensor that the op resizes or fills, None if it makes one."""
    for position in info.mutated:
        if position < len(args):
            return args[position]
    for name in info.mutated_names:
        if name in kwargs:
            return kwargs[name]
    return None


def _memory(value: Any) -> torch.UntypedStorage | None:
    """Return a tensor's memory; None for fake tensors and those on the meta device."""
    if not isinstance(value, _Tensor):
        return None
    try:
        storage = value.untyped_storage()
    except (RuntimeError, NotImplementedError):  # sparse, mkldnn, wrapper subclasses
        return None
    if storage.device.type == "meta" or storage.data_ptr() == 0:
        return None
    return storage


def _size(value: Any) -> int:
    storage = _memory(value)
    return 0 if storage is None else storage.nbytes()


def enter_everywhere(mode: GuestMode, patches: Patches) -> None:
    """Enter the mode in this thread and in each that the program starts: modes are per thread.

    A thread runs through `_bootstrap_inner` also where a subclass has a `run` of its own.
    """
    original = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]

    def bootstrap_inner(thread: threading.Thread) -> None:
        with mode:
            original(thread)

    patches.replace(threading.Thread, "_bootstrap_inner", bootstrap_inner)
    mode.__enter__()
    patches.on_undo(functools.partial(mode.__exit__, None, None, None))
