"""Digests of slices: what belongs to one row is the same in whatever portion the row lies."""

from __future__ import annotations

import pytest
import torch

from reproaudit.record.digest.slices import digest_slices
from reproaudit.trace.slices import MOST_SLICES


def along(tensor: torch.Tensor, dimension: int) -> list[bytes]:
    found = digest_slices(tensor)
    digests = [found[at : at + 16] for at in range(0, len(found), 16)]
    first = sum(size for size in tensor.shape[:dimension] if size <= MOST_SLICES)
    return digests[first : first + tensor.shape[dimension]]


@pytest.mark.parametrize("dimension", [0, 1, 2])
def test_a_slice_has_the_same_digest_in_a_portion_as_in_the_whole(dimension: int) -> None:
    whole = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(0))
    part = whole.narrow(dimension, 1, 2)
    assert along(part, dimension) == along(whole, dimension)[1:3]
    assert len(set(along(whole, dimension))) == whole.shape[dimension]


def test_how_a_tensor_lies_in_memory_does_not_matter() -> None:
    tensor = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    turned = tensor.t().contiguous().t()
    assert digest_slices(turned) == digest_slices(tensor)


def test_one_bit_shows_in_one_slice_of_each_dimension() -> None:
    tensor = torch.zeros(3, 4)
    other = tensor.clone()
    other[1, 2] = -0.0
    differing = [
        [
            place
            for place in range(tensor.shape[d])
            if along(tensor, d)[place] != along(other, d)[place]
        ]
        for d in (0, 1)
    ]
    assert differing == [[1], [2]]


def test_shape_and_dtype_of_a_slice_are_part_of_its_digest() -> None:
    assert along(torch.zeros(1, 2, 6), 0) != along(torch.zeros(1, 3, 4), 0)
    assert along(torch.zeros(1, 4), 0) != along(torch.zeros(1, 4, dtype=torch.int32), 0)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (0, 3)])
def test_a_tensor_with_nothing_in_it_has_one_digest_per_index(shape: tuple[int, ...]) -> None:
    assert len(digest_slices(torch.zeros(shape))) == 16 * sum(shape)


def test_a_dimension_that_is_too_long_is_left_out() -> None:
    assert len(digest_slices(torch.zeros(2, MOST_SLICES + 1))) == 2 * 16
