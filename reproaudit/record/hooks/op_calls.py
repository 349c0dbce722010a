"""Calls an op as a dispatch mode was given it, numbers in the place of tensors included.

To a mode PyTorch gives a tensor that stands for a Python number, as TorchScript's constants do, as
that number; of most ops it does not take the number back. So a program that prints or runs a graph
with such a constant would fail under a mode, and only there.
"""

from __future__ import annotations

from typing import Any

import torch

from reproaudit.record.torch_private import schema_of

_NUMBERS = (bool, int, float, complex)


def call_op(func: Any, args: Any, kwargs: Any) -> Any:
    """Call the op; where it is refused for a number in place of a tensor, call it with a tensor."""
    try:
        return func(*args, **kwargs)
    except RuntimeError as error:
        return call_with_tensors(func, args, kwargs, error)


def call_with_tensors(func: Any, args: Any, kwargs: Any, error: RuntimeError) -> Any:
    """Call the op with tensors where it takes them and has numbers. Raises `error` without any."""
    takes = _list_tensors_of(func)
    positional = [
        _as_tensor(value, is_wanted=position in takes) for position, value in enumerate(args)
    ]
    named = {name: _as_tensor(value, is_wanted=name in takes) for name, value in kwargs.items()}
    given = [*args, *kwargs.values()]
    if all(one is other for one, other in zip(given, [*positional, *named.values()], strict=True)):
        raise error
    return func(*positional, **named)


def _list_tensors_of(func: Any) -> set[int | str]:
    """Return the positions and names of the arguments that take a tensor."""
    schema = schema_of(func)
    if schema is None:
        return set()
    found: set[int | str] = set()
    for position, argument in enumerate(schema.arguments):
        if str(argument.type) in ("Tensor", "Optional[Tensor]"):
            found |= {position, argument.name}
    return found


def _as_tensor(value: Any, *, is_wanted: bool) -> Any:
    if not is_wanted or not isinstance(value, _NUMBERS):
        return value
    # The dtypes that PyTorch gives to numbers, whatever the default is.
    if isinstance(value, bool):
        return torch.tensor(value)
    if isinstance(value, int):
        return torch.tensor(value, dtype=torch.int64)
    dtype = torch.float64 if isinstance(value, float) else torch.complex128
    return torch.tensor(value, dtype=dtype)
