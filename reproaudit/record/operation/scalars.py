"""The digest of what a call gives an op besides tensors that it reads."""

from __future__ import annotations

from typing import Any

import torch
import xxhash

from reproaudit.record.operation.operands import describe_form, stand_in
from reproaudit.record.operation.opinfo import OpInfo

_MAX_SCALARS = 20_000  # cached digests of scalar arguments before the cache is emptied
_xxh64 = xxhash.xxh3_64_intdigest
_Tensor = torch.Tensor


class ScalarDigests(dict[Any, tuple[int, int]]):
    """Digests of arguments by what stands for them."""

    def find(self, info: OpInfo, args: Any, kwargs: dict[str, Any]) -> tuple[int, int]:
        """Digest the arguments that are no tensors, and the form of those that are not read.

        A learning rate that differs is an input that differs; so is a shape to be filled.
        """
        scalars = tuple([stand_in(value) for value in args if not isinstance(value, _Tensor)])
        named: tuple[Any, ...] = ()
        if kwargs:
            named = tuple([(name, stand_in(value)) for name, value in kwargs.items()])
        key: tuple[Any, ...] = (scalars, named)
        if info.write_only:
            forms = [describe_form(args[at]) for at in info.write_only if at < len(args)]
            key = (scalars, named, tuple(forms))
        try:
            found = self.get(key)
        except TypeError:  # an argument that cannot be hashed
            return _xxh64(repr(key).encode()), 0
        if found is None:
            if len(self) > _MAX_SCALARS:
                self.clear()
            found = self[key] = (_xxh64(repr(key).encode()), 0)
        return found
