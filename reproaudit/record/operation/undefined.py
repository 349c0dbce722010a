"""Which memory holds undefined bytes: allocated by `empty` and its kin, not yet fully written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef

from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.torch_private import storage_key

_Tensor = torch.Tensor
_MAX_TRACKED = 20_000


def storage_of(tensor: torch.Tensor) -> Any:
    """Return the tensor's storage; None for what has none: sparse, mkldnn, wrapper subclasses."""
    try:
        return tensor.untyped_storage()
    except (RuntimeError, NotImplementedError):
        return None


def _key(tensor: torch.Tensor) -> int:
    storage = storage_of(tensor)
    return 0 if storage is None else storage_key(storage)


class UndefinedMemory:
    """Follows allocations by storage until as many bytes were written as the storage has.

    Not by address: memory that is freed may come back as a tensor that no recorded op made. The
    weak references keep a storage's identity, not its memory, from being used again.

    Counting bytes is an approximation: a program that writes one half twice passes as having
    written all. The consequence is a missing hint, never a false accusation.
    """

    def __init__(self) -> None:
        # By the storage's key: event number, bytes not yet written, the storage.
        self._allocations: dict[int, tuple[int, int, StorageWeakRef]] = {}
        self.workspaces: dict[int, StorageWeakRef] = {}
        # Asked before and after every op, so it is no property.
        self.is_following = False

    def follow(
        self, info: OpInfo, args: Any, result: Any, *, allocation: int, is_copied: bool
    ) -> None:
        """Follow the memory that an op left undefined; `is_copied`: it copied undefined bytes."""
        if info.is_undefined:
            self.add_allocation(result, allocation)
        elif is_copied:
            self.add_copy(result, allocation)
        elif info.workspace and isinstance(result, tuple):
            workspaces = [result[index] for index in info.workspace if index < len(result)]
            self.add_workspaces(workspaces)
        elif info.scratch:
            scratch = [args[position] for position in info.scratch if position < len(args)]
            self.add_workspaces(scratch)

    def add_allocation(self, result: Any, event: int) -> None:
        """Follow the memory that event number `event` allocated."""
        tensors = result if isinstance(result, (list, tuple)) else (result,)
        for tensor in tensors:
            storage = _storage_with_memory(tensor)
            if storage is not None:
                self.workspaces.pop(storage_key(storage), None)
                self._follow(storage, event, storage.nbytes())

    def _follow(self, storage: torch.UntypedStorage, event: int, size: int) -> None:
        self._allocations[storage_key(storage)] = (event, size, StorageWeakRef(storage))
        self.is_following = True
        if len(self._allocations) > _MAX_TRACKED:
            self._forget()

    def add_copy(self, result: Any, event: int) -> None:
        """Follow `result`, into which undefined bytes were copied, as the allocation `event`."""
        storage = _storage_with_memory(result)
        if storage is not None and storage_key(storage) not in self._allocations:
            self._follow(storage, event, result.numel() * result.element_size())

    def add_workspaces(self, tensors: Iterable[Any]) -> None:
        """Take the tensors for workspace: they are neither outputs nor, later on, inputs."""
        for tensor in tensors:
            storage = _storage_with_memory(tensor)
            if storage is not None:
                self._allocations.pop(storage_key(storage), None)
                self.workspaces[storage_key(storage)] = StorageWeakRef(storage)
                self.is_following = True
                if len(self.workspaces) > _MAX_TRACKED:
                    self._forget()

    def is_workspace(self, tensor: torch.Tensor) -> bool:
        return _key(tensor) in self.workspaces

    def find_undefined(self, tensors: list[torch.Tensor]) -> int | None:
        """Return the event of the allocation that one of `tensors` still partly consists of."""
        for tensor in tensors:
            found = self._allocations.get(_key(tensor))
            if found is not None and tensor.numel():
                return found[0]
        return None

    def subtract(self, tensors: list[torch.Tensor]) -> None:
        """Account for what an op wrote."""
        for tensor in tensors:
            storage = storage_of(tensor)
            if storage is None:
                continue
            key = storage_key(storage)
            self.workspaces.pop(key, None)
            found = self._allocations.get(key)
            if found is None:
                continue
            event, left, reference = found
            left -= tensor.numel() * tensor.element_size()
            if left <= 0 or storage.nbytes() < left:
                del self._allocations[key]
            else:
                self._allocations[key] = (event, left, reference)
        self.is_following = bool(self._allocations) or bool(self.workspaces)

    def _forget(self) -> None:
        """Drop what is freed by now, and the older half if that is not enough."""
        allocations = [
            (key, kept) for key, kept in self._allocations.items() if not kept[2].expired()
        ]
        workspaces = [(key, kept) for key, kept in self.workspaces.items() if not kept.expired()]
        half = _MAX_TRACKED // 2
        self._allocations = dict(allocations[-half:])
        self.workspaces = dict(workspaces[-half:])


def _storage_with_memory(value: Any) -> Any:
    """Return a tensor's storage; None for what is no tensor or has no memory."""
    storage = storage_of(value) if isinstance(value, _Tensor) else None
    if storage is None or not _has_memory(storage):
        return None
    return storage


def _has_memory(storage: torch.UntypedStorage) -> bool:
    # Fake tensors, too, say "meta" here. Their address must not be asked for: that warns.
    return storage.device.type != "meta" and storage.data_ptr() != 0
