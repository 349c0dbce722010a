"""Memory whose content came from outside PyTorch, or was written in place by another thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef

from reproaudit.record.operation.undefined import storage_of
from reproaudit.record.torch_private import storage_key

_MOST_FOLLOWED = 10_000
_Geometry = tuple[torch.dtype, torch.Size, tuple[int, ...], int | torch.SymInt]


@dataclass(frozen=True, slots=True, eq=False)
class _Birth:
    event: int
    geometry: _Geometry
    part: Any  # the digest, as the caller has it
    storage: StorageWeakRef


@dataclass(frozen=True, slots=True, eq=False)
class _Write:
    event: int
    thread: int
    storage: StorageWeakRef


class Births:
    """Follows the memory of tensors made of an array, a list or a buffer, until an op writes it.

    Where several threads run ops, it also follows which of them last wrote memory in place.

    Memory that NumPy or another thread shares may change without any op. A view of it is not
    followed: what it shows cannot be compared with the digest of the whole.
    """

    def __init__(self) -> None:
        self.followed: dict[int, _Birth] = {}  # by the storage's key
        self.is_following = False
        self._written: dict[int, _Write] = {}
        self._has_threads = False

    def add(self, tensors: Sequence[torch.Tensor], parts: Sequence[Any], event: int) -> None:
        """Follow what event number `event` brought in; `parts` are the tensors' digests."""
        for tensor, part in zip(tensors, parts, strict=False):
            storage = storage_of(tensor)
            if storage is None or not tensor.is_cpu or tensor.numel() < 2:
                continue  # a number has no array to share
            if len(self.followed) >= _MOST_FOLLOWED:
                self._forget()
            self.followed[storage_key(storage)] = _Birth(
                event=event,
                geometry=_geometry(tensor),
                part=part,
                storage=StorageWeakRef(storage),
            )
            self.is_following = True

    def add_write(self, tensors: Sequence[torch.Tensor], event: int, thread: int) -> None:
        """Follow what event number `event` wrote in place in this thread, 0 being the main one."""
        if thread:
            self._has_threads = self.is_following = True
        if not self._has_threads:
            return
        for tensor in tensors:
            storage = storage_of(tensor)
            if storage is None:
                continue
            if len(self._written) >= _MOST_FOLLOWED:
                self._written.clear()
            write = _Write(event, thread, StorageWeakRef(storage))
            self._written[storage_key(storage)] = write

    def end(self, tensors: Sequence[torch.Tensor]) -> None:
        """Stop following what an op wrote."""
        for tensor in tensors:
            storage = storage_of(tensor)
            if storage is not None:
                self.followed.pop(storage_key(storage), None)
                self._written.pop(storage_key(storage), None)
        # Most programs follow nothing most of the time, and ask before they look at each tensor.
        self.is_following = bool(self.followed) or self._has_threads

    def find_changed(
        self, tensors: Sequence[torch.Tensor], parts: Sequence[Any], thread: int = 0
    ) -> int | None:
        """Return the event of the first of `tensors` that differs from what it was at its birth.

        Or the event of another thread than `thread` that last wrote it. `parts` are the digests of
        `tensors` now.
        """
        for tensor in tensors if self._written else ():
            storage = storage_of(tensor)
            write = None if storage is None else self._written.get(storage_key(storage))
            if write is not None and write.thread != thread and not write.storage.expired():
                return write.event
        if len(tensors) != len(parts):
            return None
        for tensor, part in zip(tensors, parts, strict=True):
            storage = storage_of(tensor)
            if storage is None:
                continue
            birth = self.followed.get(storage_key(storage))
            if birth is None or part == birth.part or _geometry(tensor) != birth.geometry:
                continue
            # An expired storage was freed: another one has got its key.
            if not birth.storage.expired():
                return birth.event
        return None

    def _forget(self) -> None:
        alive = [
            (key, birth) for key, birth in self.followed.items() if not birth.storage.expired()
        ]
        self.followed = dict(alive[-_MOST_FOLLOWED // 2 :])


def _geometry(tensor: torch.Tensor) -> _Geometry:
    return tensor.dtype, tensor.shape, tensor.stride(), tensor.storage_offset()
