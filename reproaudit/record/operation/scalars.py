"""The digest of what a call gives an op besides tensors that it reads."""

from __future__ import annotations

from typing import Any

import torch
import xxhash

from reproaudit.record.operation.operands import describe_form, stand_in
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.trace.event_calls import PackedDigest, pack_digest

_MAX_SCALARS = 20_000  # cached digests of scalar arguments before the cache is emptied
_xxh64 = xxhash.xxh3_64_intdigest
_Tensor = torch.Tensor
# Values of these types are equal exactly if they stand for the same.
EXACT_TYPES = frozenset(
    (int, str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format)
)
_FLOAT = object()  # beside a float, which is not the integer that it equals
_NAMED = object()  # beside what was given by name


class ScalarDigests:
    """Digests of arguments, remembered by what tells one list of arguments from another."""

    def __init__(self) -> None:
        self._known: dict[Any, PackedDigest] = {}

    def find(self, info: OpInfo, args: Any, kwargs: dict[str, Any]) -> PackedDigest:
        """Digest the arguments that are no tensors, and the form of those that are not read.

        A learning rate that differs is an input that differs; so is a shape to be filled.
        """
        # What is digested is a text of all arguments, which takes longer to write than the digest
        # of a small tensor. So it is written once, and the arguments are looked up as they are.
        key: list[Any] = [info.write_only]
        for value in args:
            kind = type(value)
            if kind is _Tensor:
                continue
            if kind in EXACT_TYPES:
                key.append(value)
            elif kind is float and value:  # 0.0 is not -0.0
                key.append((_FLOAT, value))
            elif not isinstance(value, _Tensor):
                key.append(stand_in(value))
        if kwargs or info.write_only:
            key.append((_NAMED, _name_all(kwargs), _describe_forms(info, args)))
        try:
            found = self._known.get(tuple(key))
        except TypeError:  # an argument that cannot be hashed
            return _digest(info, args, kwargs)
        if found is None:
            if len(self._known) > _MAX_SCALARS:
                self._known.clear()
            found = self._known[tuple(key)] = _digest(info, args, kwargs)
        return found


def _name_all(kwargs: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple([(name, stand_in(value)) for name, value in kwargs.items()])


def _describe_forms(info: OpInfo, args: Any) -> tuple[Any, ...]:
    return tuple([describe_form(args[at]) for at in info.write_only if at < len(args)])


def _digest(info: OpInfo, args: Any, kwargs: dict[str, Any]) -> PackedDigest:
    scalars = tuple([stand_in(value) for value in args if not isinstance(value, _Tensor)])
    text: tuple[Any, ...] = (scalars, _name_all(kwargs))
    if info.write_only:
        text = (*text, _describe_forms(info, args))
    return pack_digest((_xxh64(repr(text).encode()), 0))
