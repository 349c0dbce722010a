"""Which tensors of a call count as read, and which as written."""

from __future__ import annotations

from typing import Any

import torch

from reproaudit.record.operation.operands import tensors_read, tensors_written
from reproaudit.record.operation.opinfo import describe_op

aten = torch.ops.aten


def ids(tensors: list[torch.Tensor]) -> list[int]:
    return [id(tensor) for tensor in tensors]


def read(op: Any, *args: Any, **kwargs: Any) -> list[int]:
    return ids(tensors_read(describe_op(op), args, kwargs))


def written(op: Any, result: Any, *args: Any, **kwargs: Any) -> list[int]:
    return ids(tensors_written(describe_op(op), args, kwargs, result))


def test_what_is_only_overwritten_is_not_read() -> None:
    a, b = torch.ones(2), torch.ones(2)
    assert read(aten.copy_.default, a, b) == [id(b)]
    assert read(aten.add.out, a, b, out=a) == [id(a), id(b)]


def test_tensors_within_a_list_are_read_in_order() -> None:
    a, b = torch.ones(2), torch.ones(2)
    assert read(aten.cat.default, [b, a]) == [id(b), id(a)]


def test_what_an_op_returns_and_mutates_is_written_once() -> None:
    a, b = torch.ones(2), torch.ones(2)
    assert written(aten.add_.Tensor, a, a, b) == [id(a)]
    assert written(aten.add.out, a, b, b, out=a) == [id(a)]


def test_workspace_is_no_output() -> None:
    result = tuple(torch.ones(1) for _ in range(4))
    assert written(aten._embedding_bag.default, result) == [id(result[0])]
