"""The dispatch modes that order what a program has the device do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from reproaudit.record.hooks.dynamo import GuestMode
from reproaudit.record.hooks.op_calls import call_op
from reproaudit.record.state import rng
from reproaudit.record.torch_private import schema_of

_Tensor = torch.Tensor
# Bound now: the program may replace them.
synchronize = torch.cuda.synchronize
is_initialized = torch.cuda.is_initialized


class BlockingCopies(GuestMode):
    """Gives every operator that takes `non_blocking` the value False."""

    def __init__(self) -> None:
        super().__init__()
        # Of the argument, by operator; None: it has none.
        self._positions: dict[Any, int | None] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in self._positions:
            self._positions[func] = _find_position(func)
        position = self._positions[func]
        if position is not None:
            if kwargs.get("non_blocking"):
                kwargs = {**kwargs, "non_blocking": False}
            elif position < len(args) and args[position]:
                args = (*args[:position], False, *args[position + 1 :])
        return call_op(func, args, kwargs)


def _find_position(func: Any) -> int | None:
    """Return which argument of the operator is `non_blocking`; None if it has none."""
    schema = schema_of(func)
    if schema is None:
        return None
    names = [argument.name for argument in schema.arguments]
    return names.index("non_blocking") if "non_blocking" in names else None


class SerialStreams(GuestMode):
    """Waits after each operator for the devices that it reads or writes.

    Not while a graph is captured: CUDA forbids to wait there.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = call_op(func, args, kwargs)
        # Asking about a device would initialise CUDA, which the program may never do.
        if not is_initialized():
            return result
        devices = set(find_devices((result, args, tuple(kwargs.values()))))
        if devices and not rng.is_capturing():
            for device in devices:
                synchronize(device)
        return result


def find_devices(value: Any) -> Iterator[torch.device]:
    """Yield the device of each CUDA tensor in a value, also within lists and tuples."""
    if isinstance(value, _Tensor):
        if value.is_cuda:
            yield value.device
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from find_devices(item)
