"""Which memory a repetition reads that an earlier repetition wrote: state carried in buffers,
caches and globals."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef

from reproaudit.model.events import Location
from reproaudit.record.hooks.callsite import FrameKinds, line_of_program
from reproaudit.record.hooks.dynamo import GuestMode
from reproaudit.record.operation.operands import tensors_read, tensors_written
from reproaudit.record.operation.opinfo import OpTable
from reproaudit.record.operation.undefined import storage_of
from reproaudit.record.torch_private import storage_key

_MOST_FOLLOWED = 100_000
_Tensor = torch.Tensor


@dataclass(frozen=True, slots=True)
class Carried:
    """An op that read memory which an op of an earlier repetition had written last."""

    read_by: str
    read_at: Location | None
    written_by: str
    written_at: Location | None


class CarryWatch(GuestMode):
    """Follows writes by storage, over repetitions that are told apart by `next_repetition`. Paths
    below `folder` are shown relative to it."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.found: list[Carried] = []
        self._folder = os.path.realpath(folder)
        self._kinds = FrameKinds()
        self._table = OpTable()
        self._repetition = 0
        self._writes: dict[int, tuple[StorageWeakRef, int, str, Location | None]] = {}

    def next_repetition(self) -> None:
        """Take what was written until now as written by an earlier repetition."""
        self._repetition += 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        info = self._table[func]
        if info.is_silent or info.is_view:
            return func(*args, **kwargs)
        name = info.name.removesuffix(".default")
        for tensor in tensors_read(info, args, kwargs):
            self._look(tensor, name)
        result = func(*args, **kwargs)
        if not info.is_undefined:
            for tensor in tensors_written(info, args, kwargs, result):
                self._follow(tensor, name)
        return result

    def _look(self, tensor: _Tensor, op: str) -> None:
        storage = storage_of(tensor)
        known = None if storage is None else self._writes.get(storage_key(storage))
        if known is not None and known[1] < self._repetition and not known[0].expired():
            self.found.append(
                Carried(op, line_of_program(self._kinds, self._folder), known[2], known[3])
            )

    def _follow(self, tensor: _Tensor, op: str) -> None:
        storage = storage_of(tensor)
        if storage is None:
            return
        if len(self._writes) >= _MOST_FOLLOWED:
            self._writes = {
                key: kept for key, kept in self._writes.items() if not kept[0].expired()
            }
        self._writes[storage_key(storage)] = (
            StorageWeakRef(storage),
            self._repetition,
            op,
            line_of_program(self._kinds, self._folder),
        )


def carried_between(body: Callable[[], None], folder: str) -> tuple[Carried, ...]:
    """Run `body` twice and return what the second time read of what the first had written, in order
    of reading.

    Whatever `body` raises goes on.
    """
    watch = CarryWatch(folder)
    for _ in range(2):
        with watch:
            body()
        watch.next_repetition()
    return tuple(dict.fromkeys(watch.found))
