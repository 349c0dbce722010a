"""The dispatch modes that order what a program has the device do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from reproaudit.record.hooks.dynamo import GuestMode
from reproaudit.record.state import rng
from reproaudit.record.torch_private import schema_of

_Tensor = torch.Tensor
# Bound now: the program may replace them.
_synchronize = torch.cuda.synchronize
_is_initialized = torch.cuda.is_initialized


class BlockingCopies(GuestMode):
    """Gives every operator that takes `non_blocking` the value False."""

    def __init__(self) -> None:
        super().__init__()
        self._positions: dict[
            Any, int | None
        ] = {}  # of the argument, by operator; None: it has none

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in self._positions:
            schema = schema_of(func)
            names = [] if schema is None else [argument.name for argument in schema.arguments]
            self._positions[func] = names.index("non_blocking") if "non_blocking" in names else None
        position = self._positions[func]
        if position is not None:
            if kwargs.get("non_blocking"):
                kwargs = {**kwargs, "non_blocking": False}
            elif position < len(args) and args[position]:
                args = (*args[:position], False, *args[position + 1 :])
        return func(*args, **kwargs)


class SerialStreams(GuestMode):
    """Waits for the devices that an operator reads or writes, after it. A graph capture forbids
    that: not there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if _is_initialized() and (devices := set(_devices((result, args, tuple(kwargs.values()))))):
            if not rng.is_capturing():
                for device in devices:
                    _synchronize(device)
        return result


def _devices(value: Any) -> Iterator[torch.device]:
    if isinstance(value, _Tensor):
        if value.is_cuda:
            yield value.device
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _devices(item)
