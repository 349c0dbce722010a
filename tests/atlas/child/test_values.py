"""How two results differ: bits, NaN, ties."""

from __future__ import annotations

import pytest
import torch

from reproaudit.atlas.child.values import (
    copy_operands,
    differ_in_nan_bits_only,
    differ_in_ties_only,
    identify,
    measure,
)

NAN = torch.tensor([1.0, float("nan"), 3.0])


def with_sign_of_nan_flipped() -> torch.Tensor:
    bits = NAN.clone().view(torch.int32)
    bits[1] ^= -(1 << 31)
    return bits.view(torch.float32)


def test_equal_nan_are_equal_and_the_sign_of_nan_is_a_difference_of_its_own_kind() -> None:
    other = with_sign_of_nan_flipped()
    assert identify(NAN) == identify(NAN.clone())
    assert identify(NAN) != identify(other)
    assert differ_in_nan_bits_only([NAN], [other])


@pytest.mark.parametrize(
    "other", [torch.tensor([1.0, float("nan"), 3.1]), torch.tensor([1.0, 2.0, 3.0])]
)
def test_a_number_that_differs_beside_nan_is_no_matter_of_nan_bits(other: torch.Tensor) -> None:
    assert not differ_in_nan_bits_only([NAN], [other])


def test_minus_zero_differs_from_zero() -> None:
    assert identify(torch.tensor([0.0])) != identify(torch.tensor([-0.0]))


def test_numbers_beside_tensors_count() -> None:
    assert identify((torch.ones(2), 1.0)) != identify((torch.ones(2), 2.0))


def test_the_distance_is_measured_over_the_tensors_that_differ() -> None:
    one, other = (
        [torch.zeros(3), torch.tensor([1.0, 2.0])],
        [torch.zeros(3), torch.tensor([1.0, 2.5])],
    )
    difference = measure(one, other)
    assert difference is not None
    assert (difference.elements, difference.differing, difference.max_abs) == (2, 1, 0.5)


def test_results_of_different_shape_have_no_distance() -> None:
    assert measure([torch.zeros(3)], [torch.zeros(4)]) is None


SOURCE = torch.tensor([[5.0, 7.0, 7.0], [1.0, 1.0, 0.0]])
VALUES = SOURCE.amax(1)


def test_indices_of_equal_values_are_ties() -> None:
    one, other = (VALUES, torch.tensor([1, 0])), (VALUES, torch.tensor([2, 1]))
    assert differ_in_ties_only(one, other, (SOURCE, (1,), {}))


@pytest.mark.parametrize("index", [[0, 1], [1, 2], [1, 3], [-1, 0]])
def test_an_index_of_another_value_is_no_tie(index: list[int]) -> None:
    assert not differ_in_ties_only(
        (VALUES, torch.tensor([1, 0])), (VALUES, torch.tensor(index)), (SOURCE, (1,), {})
    )


def test_values_that_differ_are_no_ties() -> None:
    one, other = (VALUES, torch.tensor([1, 0])), (VALUES + 1, torch.tensor([2, 1]))
    assert not differ_in_ties_only(one, other, (SOURCE, (1,), {}))


def test_fresh_operands_keep_strides_and_aliases_and_share_no_memory() -> None:
    base = torch.arange(12.0).reshape(3, 4)
    first, (second, third) = copy_operands((base, [base.T, base[1:]]), {})
    assert second.stride() == base.T.stride()
    assert (
        second.untyped_storage().data_ptr() == first.untyped_storage().data_ptr() != base.data_ptr()
    )
    first[1, 0] = 100.0
    assert third[0, 0] == 100.0
    assert base[1, 0] == 4.0
