"""The dispatch mode that adds what the ranks have in the order of the ranks."""

from __future__ import annotations

from typing import Any

import torch

from reproaudit.record.hooks.dynamo import GuestMode
from reproaudit.record.hooks.op_calls import call_op
from reproaudit.record.operation.message_ops import find_group, find_work

_REDUCES = "c10d::allreduce_"
_CLOSE = 1e-2  # how far an order may move a sum; another operation moves it further

_Tensor = torch.Tensor


class RankOrder(GuestMode):
    """Gathers what is to be reduced, and adds it element by element: rank 0, rank 1, and so on.

    An element is then the same sum wherever it lies, and with whatever it is reduced.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not str(func).replace(".", "::", 1).startswith(_REDUCES):
            return call_op(func, args, kwargs)
        tensors = list(args[0])
        group = find_group(args)
        if group is None or not all(map(_is_inexact, tensors)):
            return call_op(func, args, kwargs)
        gathered = [_gather(tensor, args[1], group.size()) for tensor in tensors]
        result = call_op(func, args, kwargs)
        _wait(result)
        for tensor, parts in zip(tensors, gathered, strict=True):
            _put_ordered_sum(tensor, parts)
        return result


def _is_inexact(tensor: Any) -> bool:
    is_plain = isinstance(tensor, _Tensor) and tensor.layout is torch.strided
    return is_plain and (tensor.is_floating_point() or tensor.is_complex())


def _gather(tensor: _Tensor, group: Any, size: int) -> list[_Tensor]:
    parts = [torch.empty_like(tensor) for _ in range(size)]
    _wait(torch.ops.c10d.allgather_([parts], [tensor], group))
    return parts


def _wait(result: Any) -> None:
    work = find_work(result)
    if work is not None:
        work.wait()


def _put_ordered_sum(tensor: _Tensor, parts: list[_Tensor]) -> None:
    """Put the sum of the parts, or their mean, in the place of the reduced tensor.

    Which operation was asked for cannot be read: it is the one that gives nearly the same. Of
    others the order does not matter, and they are left as they are. All ranks have the same to
    decide by.
    """
    total = parts[0].clone()
    for part in parts[1:]:
        total += part
    for ordered in (total, total / len(parts)):
        if torch.allclose(tensor, ordered, rtol=_CLOSE, atol=_CLOSE, equal_nan=True):
            tensor.copy_(ordered)
            return
