"""Giving the optimizers of torch.optim other arguments than the program does."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold

# Both at once are refused.
_FOREACH, _FUSED = "foreach", "fused"


def change_optimizers(reach: Reach, hold: Hold, name: str, *, is_on: bool) -> None:
    """Make each optimizer that knows the argument `name` with this value of it.

    Once its update is then another one, the variation has taken hold.
    """
    reach.when_imported("torch", functools.partial(_replace_all, reach, hold, name, is_on=is_on))


def _replace_all(reach: Reach, hold: Hold, name: str, *, is_on: bool) -> None:
    import torch

    for optimizer in _list_optimizers(torch.optim.Optimizer):
        original = optimizer.__init__
        if name in inspect.signature(original).parameters:
            wrapped = _wrap(original, hold, name, is_on=is_on)
            reach.patches.replace(optimizer, "__init__", wrapped)


def _list_optimizers(base: Any) -> Iterator[Any]:
    """Yield the classes that have a constructor of their own; those of the program come later."""
    for kind in base.__subclasses__():
        if "__init__" in vars(kind):
            yield kind
        yield from _list_optimizers(kind)


def _wrap(
    original: Callable[..., None], hold: Hold, name: str, *, is_on: bool
) -> Callable[..., None]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        call = signature.bind(self, *args, **kwargs)
        given = call.arguments
        before = given.get(name)
        other = _FUSED if name == _FOREACH else _FOREACH
        was_other = bool(given.get(other))
        given[name] = is_on
        if is_on and was_other:
            given[other] = False
        original(*call.args, **call.kwargs)
        if _updates_otherwise(self, name, before, was_other=was_other, is_on=is_on):
            hold.take()

    return init


def _updates_otherwise(
    optimizer: Any, name: str, before: bool | None, *, was_other: bool, is_on: bool
) -> bool:
    """Return True if the update is another one than with the value `before`."""
    if before is None:
        # What torch.optim takes unless it is told: all together on a GPU, else one by one.
        before = name == _FOREACH and not was_other and _is_on_gpu(optimizer)
    return before is not is_on


def _is_on_gpu(optimizer: Any) -> bool:
    tensors = [tensor for group in optimizer.param_groups for tensor in group["params"]]
    return bool(tensors) and all(tensor.is_cuda for tensor in tensors)
