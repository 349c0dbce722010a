"""What a call gives an op besides tensors is told apart, whatever equals whatever."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from reproaudit.record.operation.opinfo import describe_op
from reproaudit.record.operation.scalars import ScalarDigests

ADD = describe_op(torch.ops.aten.add.Tensor)
FILL = describe_op(torch.ops.aten.fill_.Scalar)
DISTINCT: list[Any] = [1, 1.0, True, 0, 0.0, -0.0, False, None, "1", (1,), [1.0], torch.float32]
DISTINCT += [float("inf"), 1j, torch.device("cpu"), [True], [[1], [2]], [1, 2], torch.strided]


def test_values_that_python_takes_for_equal_have_digests_of_their_own() -> None:
    scalars = ScalarDigests()
    for one, other in itertools.combinations(DISTINCT, 2):
        assert scalars.find(ADD, (one,), {}) != scalars.find(ADD, (other,), {}), (one, other)


def test_what_is_looked_up_is_what_was_digested() -> None:
    scalars = ScalarDigests()
    for value, kwargs in itertools.product([*DISTINCT, float("nan")], ({}, {"alpha": 2})):
        first = scalars.find(ADD, (value,), kwargs)
        assert scalars.find(ADD, (value,), kwargs) == first
        assert ScalarDigests().find(ADD, (value,), kwargs) == first


def test_tensors_do_not_enter_but_the_form_of_one_that_is_filled_does() -> None:
    scalars = ScalarDigests()
    small, large = torch.ones(2), torch.ones(3)
    assert scalars.find(ADD, (small, 2), {}) == scalars.find(ADD, (large, 2), {})
    assert scalars.find(FILL, (small, 2), {}) != scalars.find(FILL, (large, 2), {})
    assert scalars.find(FILL, (small, 2), {}) == scalars.find(FILL, (torch.zeros(2), 2), {})


def test_an_argument_without_a_hash_is_digested() -> None:
    scalars = ScalarDigests()
    assert scalars.find(ADD, ({"a": 1},), {}) == scalars.find(ADD, ({"a": 1},), {})
