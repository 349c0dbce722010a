"""What of a sample may be scaled: which extents of which tensors, and which numbers with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

FIRST_NUMBERS = "numbers of the first argument"
OTHER_NUMBERS = "numbers of the other arguments"
INDEX_DTYPES = (torch.int64, torch.int32)
_MOST_ALONE = 4  # tensors that are also scaled without the others

# Says of a tensor's number, a dimension and its extent whether it is scaled.
Extent = Callable[[int, int, int], bool]


@dataclass(frozen=True, slots=True)
class Transformation:
    """What is scaled.

    Whole numbers among the arguments that equal one of `numbers` are scaled too.
    """

    label: str
    scales: Extent
    numbers: frozenset[int] = frozenset()


def list_transformations(tensors: list[torch.Tensor]) -> Iterator[Transformation]:
    """Yield what may be scaled, the most telling first."""
    if not tensors:
        for label in (FIRST_NUMBERS, OTHER_NUMBERS, "all numbers"):
            yield Transformation(label, _choose_all)
        return
    integers = [tensor for tensor in tensors if _is_integer(tensor)]
    of_indices = _list_extents(integers)
    if not _is_integer(tensors[0]):
        # Indices first, and also without the tensor that they point into: many of them then name
        # the same place.
        for extent in of_indices:
            label = f"extents {extent} of all but the first"
            yield Transformation(label, _choose_in_others(extent))
    largest = max(tensors, key=torch.Tensor.numel)
    extents = [*of_indices, *_list_extents([largest]), *_list_extents(tensors)]
    extents = list(dict.fromkeys(extents))
    yield from _list_by_extent(extents, largest)
    yield Transformation("all extents", _choose_all)
    yield Transformation("all extents, numbers too", _choose_all, frozenset(extents))
    for number, tensor in enumerate(tensors[:_MOST_ALONE]):
        yield from _list_by_dimension(number, tensor)


def _list_by_extent(extents: list[int], largest: torch.Tensor) -> Iterator[Transformation]:
    """Yield for each extent the scaling of all dimensions that have it, then with numbers too."""
    leading = None
    if largest.dim() > 1:
        leading = largest.shape[0]
    for extent in extents:
        equal = _choose_equal(extent)
        yield Transformation(f"extents {extent}", equal)
        if extent == leading:
            leading_alone = _choose_leading(extent)
            yield Transformation(f"leading extents {extent}", leading_alone)
    for extent in extents:
        equal = _choose_equal(extent)
        numbers = frozenset({extent})
        yield Transformation(f"extents {extent}, numbers too", equal, numbers)


def _list_by_dimension(number: int, tensor: torch.Tensor) -> Iterator[Transformation]:
    """Yield the scaling of one tensor alone, along its first and its last dimension."""
    last = tensor.dim() - 1
    if last < 0:
        return
    first_alone = _choose_one(number, 0)
    yield Transformation(f"tensor {number} along 0", first_alone)
    if last > 0:
        last_alone = _choose_one(number, last)
        yield Transformation(f"tensor {number} along {last}", last_alone)


def _list_extents(tensors: list[torch.Tensor]) -> list[int]:
    """Return the extents above 1, or where there is no other, 1."""
    found: dict[int, None] = {}  # a set that keeps the order
    for tensor in tensors:
        found.update(dict.fromkeys(tensor.shape))
    above_one = [extent for extent in found if extent > 1]
    if above_one:
        return above_one
    return list(found)


def _is_integer(tensor: torch.Tensor) -> bool:
    return tensor.dtype in INDEX_DTYPES


def _choose_all(number: int, dim: int, size: int) -> bool:
    return size > 1


def _choose_in_others(extent: int) -> Extent:
    def scales(number: int, dim: int, size: int) -> bool:
        return number > 0 and size == extent

    return scales


def _choose_leading(extent: int) -> Extent:
    def scales(number: int, dim: int, size: int) -> bool:
        return dim == 0 and size == extent

    return scales


def _choose_equal(extent: int) -> Extent:
    def scales(number: int, dim: int, size: int) -> bool:
        return size == extent

    return scales


def _choose_one(chosen: int, along: int) -> Extent:
    def scales(number: int, dim: int, size: int) -> bool:
        return number == chosen and dim == along

    return scales
