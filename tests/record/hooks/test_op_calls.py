"""An op that a mode was given with a number in the place of a tensor is called all the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from reproaudit.record.hooks.dynamo import GuestMode
from reproaudit.record.hooks.op_calls import call_op

aten = torch.ops.aten


class _Mode(GuestMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return call_op(func, args, kwargs or {})


@pytest.mark.parametrize(
    ("number", "dtype"),
    [
        (True, torch.bool),
        (2, torch.int64),
        (2.5, torch.float64),
        (2j, torch.complex128),
    ],
)
def test_a_number_becomes_a_tensor_where_the_op_takes_no_number(
    number: complex, dtype: torch.dtype
) -> None:
    result = call_op(aten.view.default, (number, [1]), {})
    assert result.dtype == dtype
    assert result.tolist() == [number]
    assert call_op(aten.equal.default, (number,), {"other": torch.tensor(number)})


def test_what_an_op_refuses_for_another_reason_stays_refused() -> None:
    with pytest.raises(RuntimeError, match="shape '\\[3\\]' is invalid"):
        call_op(aten.view.default, (torch.ones(2), [3]), {})


def test_an_op_that_takes_a_number_gets_it() -> None:
    # The tensor would promote the result to float64.
    assert call_op(aten.mul.Tensor, (torch.ones(2), 2.0), {}).dtype == torch.float32


@pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:DeprecationWarning")
def test_a_graph_with_constants_is_shown_inside_a_mode() -> None:
    def double(inputs: torch.Tensor) -> torch.Tensor:
        return inputs.reshape(inputs.size(0), inputs.size(1) * 2 // 2)

    traced: Any = torch.jit.trace(double, torch.ones(2, 3))
    plain = str(traced.graph)
    assert "value={2}" in plain
    with _Mode():
        assert str(traced.graph) == plain
