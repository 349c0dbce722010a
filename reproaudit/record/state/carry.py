"""Which memory a repetition reads that an earlier one wrote: state in buffers, caches, globals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef

from reproaudit.model.events import Location
from reproaudit.record.hooks import own_paths
from reproaudit.record.hooks.callsite import FrameKinds, line_of_program
from reproaudit.record.hooks.dynamo import GuestMode
from reproaudit.record.hooks.op_calls import call_op
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


@dataclass(frozen=True, slots=True)
class _Write:
    """Who wrote a storage last. The weak reference keeps its key from being used again."""

    storage: StorageWeakRef
    repetition: int
    op: str
    location: Location | None


class CarryWatch(GuestMode):
    """Follows writes by storage, over repetitions that `next_repetition` tells apart.

    Paths below `folder` are shown relative to it.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.found: list[Carried] = []
        self._folder = own_paths.realpath(folder)
        self._kinds = FrameKinds()
        self._table = OpTable()
        self._repetition = 0
        self._writes: dict[int, _Write] = {}  # the last one, by the key of a storage

    def next_repetition(self) -> None:
        """Take what was written until now as written by an earlier repetition."""
        self._repetition += 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        info = self._table[func]
        if info.is_silent or info.is_view:
            return call_op(func, args, kwargs)
        name = info.name.removesuffix(".default")
        for tensor in tensors_read(info, args, kwargs):
            self._look(tensor, name)
        result = call_op(func, args, kwargs)
        if not info.is_undefined:
            for tensor in tensors_written(info, args, kwargs, result):
                self._follow(tensor, name)
        return result

    def _look(self, tensor: _Tensor, op: str) -> None:
        storage = storage_of(tensor)
        last = None if storage is None else self._writes.get(storage_key(storage))
        if last is None or last.repetition == self._repetition or last.storage.expired():
            return
        self.found.append(
            Carried(
                read_by=op,
                read_at=line_of_program(self._kinds, self._folder),
                written_by=last.op,
                written_at=last.location,
            )
        )

    def _follow(self, tensor: _Tensor, op: str) -> None:
        storage = storage_of(tensor)
        if storage is None:
            return
        if len(self._writes) >= _MOST_FOLLOWED:
            self._writes = {
                key: write for key, write in self._writes.items() if not write.storage.expired()
            }
        self._writes[storage_key(storage)] = _Write(
            storage=StorageWeakRef(storage),
            repetition=self._repetition,
            op=op,
            location=line_of_program(self._kinds, self._folder),
        )


def find_carried(body: Callable[[], None], folder: str) -> tuple[Carried, ...]:
    """Run `body` twice; return what the second time read of what the first had written.

    In order of reading. Whatever `body` raises goes on.
    """
    watch = CarryWatch(folder)
    for _ in range(2):
        with watch:
            body()
        watch.next_repetition()
    return tuple(dict.fromkeys(watch.found))
