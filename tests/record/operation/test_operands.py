"""Which tensors of a call count as read, and which as written."""

from __future__ import annotations

import math
from typing import Any

import pytest
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


@pytest.mark.parametrize("name", ["addmm", "addmv", "addr", "addbmm", "baddbmm"])
@pytest.mark.parametrize("suffix", ["", "_"])
def test_an_addend_that_is_scaled_by_zero_is_not_read(name: str, suffix: str) -> None:
    shapes = {
        "addmm": ((2, 2), (2, 2)),
        "addmv": ((2, 2), (2,)),
        "addr": ((2,), (2,)),
        "addbmm": ((3, 2, 2), (3, 2, 2)),
        "baddbmm": ((3, 2, 2), (3, 2, 2)),
    }[name]
    one, other = (torch.ones(shape) for shape in shapes)
    op = getattr(aten, name + suffix).default
    addend = torch.full_like(getattr(torch, name)(torch.zeros(()), one, other), math.nan)
    assert read(op, addend, one, other, beta=0.0) == [id(one), id(other)]
    assert read(op, addend, one, other, beta=0.5) == [id(addend), id(one), id(other)]
    assert read(op, addend, one, other) == [id(addend), id(one), id(other)]
    # So PyTorch says, and does.
    assert not op(addend, one, other, beta=0).isnan().any()


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
