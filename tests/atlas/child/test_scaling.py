"""A scaled call has larger operands of the same kind, and not too large ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from reproaudit.atlas.child.opdb import Call
from reproaudit.atlas.child.scaling import Scaling
from reproaudit.atlas.child.transformations import OTHER_NUMBERS, Transformation


def scale_first_dimension(*operands: Any, numbers: frozenset[int] = frozenset()) -> Scaling:
    first, *rest = operands
    call = Call(torch.add, (first, tuple(rest), {"n": 3}), lambda result: result, 0)
    tensors = [operand for operand in operands if isinstance(operand, torch.Tensor)]
    how = Transformation("first", lambda number, dim, size: dim == 0, numbers)
    return Scaling(call, tensors, how, 12)


def test_integers_are_repeated_and_other_numbers_shrink_by_at_most_5_percent() -> None:
    larger = scale_first_dimension(torch.tensor([4, 7]), torch.ones(2)).scale(3)
    first, (second,), _ = larger.operands
    assert first.tolist() == [4, 7, 4, 7, 4, 7]
    assert second.shape == (6,)
    assert 0.95 <= float(second.min()) < float(second.max()) <= 1.0
    assert larger.label == "first × 3"


def test_numbers_that_equal_an_extent_grow_with_it() -> None:
    scaling = scale_first_dimension(torch.ones(3), 3, [3, 5], numbers=frozenset({3}))
    _, args, kwargs = scaling.scale(4).operands
    assert args == (12, [12, 5])
    assert kwargs == {"n": 12}


def test_of_a_shape_without_tensors_the_longest_extent_grows() -> None:
    call = Call(torch.zeros, (2, ((3, 4), 1), {}), lambda result: result, 0)
    scaling = Scaling(call, [], Transformation(OTHER_NUMBERS, lambda *_: True), 12)
    assert scaling.find_factor(120) == 10
    assert scaling.scale(10).operands == (2, ((3, 40), 1), {})


def test_the_factor_makes_the_widest_scaled_tensor_as_large_as_wanted() -> None:
    scaling = scale_first_dimension(torch.ones(2, 5), torch.ones(3))
    assert scaling.find_factor(100) == 10


def test_operands_of_more_than_256_mib_are_refused() -> None:
    scaling = scale_first_dimension(torch.ones(4, 256))
    with pytest.raises(MemoryError, match="too much memory"):
        scaling.scale((1 << 16) + 1)
