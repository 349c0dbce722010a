"""Tensors whose content came from outside PyTorch, and whether it changed since although no op
wrote them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.multiprocessing.reductions import StorageWeakRef

from reproaudit.record.digest.gather import Part
from reproaudit.record.operation.undefined import storage_of
from reproaudit.record.torch_private import storage_key

_MOST_FOLLOWED = 10_000
_Geometry = tuple[torch.dtype, torch.Size, tuple[int, ...], int | torch.SymInt]


class Births:
    """Follows the memory of tensors that were made of an array, a list or a buffer, by storage,
    until an op writes it.

    Memory that NumPy or another thread shares may change without any op. A view of it is not
    followed: what it shows cannot be compared with the digest of the whole.
    """

    def __init__(self) -> None:
        self.followed: dict[
            int, tuple[int, _Geometry, Part, StorageWeakRef]
        ] = {}  # event, geometry, digest

    def born(self, tensors: Sequence[torch.Tensor], parts: Sequence[Part], event: int) -> None:
        """Follow what event number `event` brought in; `parts` are the tensors' digests."""
        for tensor, part in zip(tensors, parts, strict=False):
            storage = storage_of(tensor)
            if storage is None or not tensor.is_cpu or tensor.numel() < 2:
                continue  # a number has no array to share
            if len(self.followed) >= _MOST_FOLLOWED:
                self._forget()
            self.followed[storage_key(storage)] = (
                event,
                _geometry(tensor),
                part,
                StorageWeakRef(storage),
            )

    def written(self, tensors: Sequence[torch.Tensor]) -> None:
        for tensor in tensors:
            storage = storage_of(tensor)
            if storage is not None:
                self.followed.pop(storage_key(storage), None)

    def changed(self, tensors: Sequence[torch.Tensor], parts: Sequence[Part]) -> int | None:
        """Return the birth of the first of `tensors`, with digests `parts`, that differs from what
        it was then."""
        if len(tensors) != len(parts):
            return None
        for tensor, part in zip(tensors, parts, strict=True):
            storage = storage_of(tensor)
            found = None if storage is None else self.followed.get(storage_key(storage))
            if (
                found is not None
                and part != found[2]
                and _geometry(tensor) == found[1]
                and not found[3].expired()
            ):
                return found[0]
        return None

    def _forget(self) -> None:
        alive = [(key, kept) for key, kept in self.followed.items() if not kept[3].expired()]
        self.followed = dict(alive[-_MOST_FOLLOWED // 2 :])


def _geometry(tensor: torch.Tensor) -> _Geometry:
    return tensor.dtype, tensor.shape, tensor.stride(), tensor.storage_offset()
