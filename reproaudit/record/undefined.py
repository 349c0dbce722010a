"""Which memory holds undefined bytes: allocated by `empty` and its kin, and not yet fully written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

_Tensor = torch.Tensor
_MAX_TRACKED = 100_000


def _storage(tensor: torch.Tensor) -> tuple[int, int]:
    """Return address and size in bytes of the tensor's storage; (0, 0) for tensors without one."""
    try:
        storage = tensor.untyped_storage()
        return storage.data_ptr(), storage.nbytes()
    except (RuntimeError, NotImplementedError):  # sparse, mkldnn, wrapper subclasses: no storage to speak of
        return 0, 0


class UndefinedMemory:
    """Follows allocations by storage address until as many bytes were written as the storage has.

    Counting bytes is an approximation: a program that writes one half twice passes as having written all. The
    consequence is a missing hint, never a false accusation.
    """

    def __init__(self) -> None:
        self._allocations: dict[int, tuple[int, int]] = {}  # address -> (event number, bytes not yet written)
        self.workspaces: dict[int, None] = {}

    def __bool__(self) -> bool:
        return bool(self._allocations) or bool(self.workspaces)

    def allocated(self, result: Any, event: int) -> None:
        for tensor in (result,) if isinstance(result, _Tensor) else result if isinstance(result, (list, tuple)) else ():
            if isinstance(tensor, _Tensor):
                address, size = _storage(tensor)
                if address:
                    self.workspaces.pop(address, None)
                    self._allocations[address] = (event, size)
                    _bound(self._allocations)

    def workspace(self, tensors: Iterable[Any]) -> None:
        for tensor in tensors:
            if isinstance(tensor, _Tensor) and (address := _storage(tensor)[0]):
                self.workspaces[address] = None
                _bound(self.workspaces)

    def is_workspace(self, tensor: torch.Tensor) -> bool:
        return _storage(tensor)[0] in self.workspaces

    def read(self, tensors: list[torch.Tensor]) -> int | None:
        """Return the event number of the allocation that one of `tensors` still partly consists of."""
        for tensor in tensors:
            found = self._allocations.get(_storage(tensor)[0])
            if found is not None and tensor.numel():
                return found[0]
        return None

    def written(self, tensors: list[torch.Tensor]) -> None:
        """Account for what an op wrote. A fresh output at a known address means that the old storage is gone."""
        for tensor in tensors:
            address, size = _storage(tensor)
            self.workspaces.pop(address, None)
            found = self._allocations.get(address)
            if found is None:
                continue
            left = found[1] - tensor.numel() * tensor.element_size()
            if left <= 0 or size < left:
                del self._allocations[address]
            else:
                self._allocations[address] = (found[0], left)


def _bound(table: dict[int, Any]) -> None:
    while len(table) > _MAX_TRACKED:
        del table[next(iter(table))]
