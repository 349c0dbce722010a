"""Which extents of a sample may be scaled, the most telling ones first."""

from __future__ import annotations

import torch

from reproaudit.atlas.child.transformations import list_transformations


def list_labels(*tensors: torch.Tensor) -> list[str]:
    return [transformation.label for transformation in list_transformations(list(tensors))]


def test_extents_of_indices_come_first_and_without_the_tensor_that_they_point_into() -> None:
    labels = list_labels(torch.ones(4, 6), torch.tensor([3, 0, 2]))
    assert labels[:2] == ["extents 3 of all but the first", "extents 3"]
    (first, *_) = list_transformations([torch.ones(3, 6), torch.tensor([3, 0, 2])])
    assert [first.scales(number, 0, 3) for number in (0, 1)] == [False, True]


def test_numbers_are_scaled_only_with_the_extent_that_they_equal() -> None:
    found = list_transformations([torch.ones(3, 5)])
    numbers = {one.label: one.numbers for one in found if one.numbers}
    assert numbers == {
        "extents 3, numbers too": {3},
        "extents 5, numbers too": {5},
        "all extents, numbers too": {3, 5},
    }


def test_each_tensor_is_scaled_alone_along_its_first_and_last_dimension() -> None:
    labels = list_labels(torch.ones(3, 5, 2), torch.ones(4), torch.tensor(1.0))
    alone = [label for label in labels if label.startswith("tensor ")]
    assert alone == ["tensor 0 along 0", "tensor 0 along 2", "tensor 1 along 0"]


def test_without_a_tensor_numbers_are_what_is_scaled() -> None:
    assert list_labels() == [
        "numbers of the first argument",
        "numbers of the other arguments",
        "all numbers",
    ]
