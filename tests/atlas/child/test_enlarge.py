"""Making samples larger: indices stay valid and collide, the op decides, and nothing explodes."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from reproaudit.atlas.cells import LARGE_ELEMENTS
from reproaudit.atlas.child.enlarge import Enlarged, enlarge
from reproaudit.atlas.child.opdb import Call

pytestmark = pytest.mark.seeded


def enlarged(function: Any, *operands: Any, **kwargs: Any) -> Enlarged:
    first, *rest = operands
    call = Call(function, (first, tuple(rest), kwargs), lambda result: result, 0)
    return enlarge(call, lambda larger: larger.run(larger.operands), time.monotonic() + 20)


def shapes(call: Call) -> list[tuple[int, ...]]:
    first, args, _ = call.operands
    return [tuple(tensor.shape) for tensor in (first, *args) if isinstance(tensor, torch.Tensor)]


def test_extents_that_are_equal_grow_alike_so_that_the_op_accepts_them() -> None:
    found = enlarged(torch.mm, torch.rand(4, 7), torch.rand(7, 5))
    assert found.elements >= LARGE_ELEMENTS
    assert all(one[1] == other[0] for one, other in map(shapes, found.calls))


def test_indices_stay_valid_and_many_name_the_same_place() -> None:
    index = torch.tensor([3, 0, 2])
    found = enlarged(torch.index_add, torch.rand(4, 6), 0, index, torch.rand(3, 6))
    first = found.calls[0].operands
    target, grown = first[0], first[1][1]
    assert target.shape == (4, 6)
    assert grown.numel() >= LARGE_ELEMENTS // 6
    assert set(grown.tolist()) == {0, 2, 3}


def test_repeated_values_are_not_all_alike_and_stay_within_their_range() -> None:
    found = enlarged(torch.sin, torch.tensor([0.25, 1.0]))
    values = found.calls[0].operands[0]
    assert len(values.unique()) > 1000
    assert 0.2 < float(values.min()) <= float(values.max()) <= 1.0


def test_leaves_stay_leaves_that_require_a_gradient() -> None:
    grown = enlarged(torch.mul, torch.rand(3).requires_grad_(), torch.rand(3)).calls[0].operands
    assert (grown[0].requires_grad, grown[0].is_leaf, grown[1][0].requires_grad) == (
        True,
        True,
        False,
    )


def test_numbers_grow_with_the_extents_where_the_op_insists() -> None:
    found = enlarged(torch.nn.functional.layer_norm, torch.rand(3, 5), (5,))
    assert any(call.label.startswith("extents 5, numbers too") for call in found.calls)


def test_an_op_without_tensors_grows_by_its_numbers() -> None:
    found = enlarged(torch.zeros, (3, 4))
    assert found.elements >= LARGE_ELEMENTS // 2


def test_an_op_that_accepts_nothing_larger_says_why() -> None:
    def only_small(x: torch.Tensor) -> torch.Tensor:
        if x.numel() > 6:
            raise ValueError("six at most\nreally")
        return x

    found = enlarged(only_small, torch.rand(6))
    assert (found.calls, found.refusal) == ([], "ValueError: six at most")


def test_a_result_that_grows_with_the_square_does_not_explode() -> None:
    largest = 0

    def outer(x: torch.Tensor) -> torch.Tensor:
        nonlocal largest
        largest = max(largest, x.numel() ** 2)
        return x[:, None] * x

    found = enlarged(outer, torch.rand(5))
    assert found.calls
    assert largest <= 8 * LARGE_ELEMENTS


def test_a_view_that_repeats_one_element_without_end_is_refused() -> None:
    found = enlarged(
        lambda x: x[:, None].expand(len(x), 1 << 10 if len(x) == 2 else 1 << 30), torch.rand(2)
    )
    assert found.calls == []
    assert "grows" in found.refusal


def test_a_slow_call_is_not_made_larger() -> None:
    sizes = []

    def slow(x: torch.Tensor) -> torch.Tensor:
        sizes.append(x.numel())
        end = time.monotonic() + 0.06 * (x.numel() > 100)
        while time.monotonic() < end:
            pass
        return x

    found = enlarged(slow, torch.rand(8))
    assert max(sizes) < LARGE_ELEMENTS // 8
    assert found.refusal.startswith("slow: ")


@pytest.mark.parametrize("operand", [torch.eye(3).to_sparse(), torch.empty(0, 4)])
def test_what_cannot_be_enlarged_is_told_with_its_reason(operand: torch.Tensor) -> None:
    found = enlarged(torch.neg, operand)
    assert found.calls == []
    assert found.refusal in ("an operand is sparse_coo or of a special kind", "an operand is empty")
