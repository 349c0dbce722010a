"""Every walk over a tensor's memory meets each word of its logical bytes once, at its place in the
logical order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reproaudit.record.digest.layout import MAX_RANK, Walk, layout_of, merge

many = settings(max_examples=300)


def logical_offsets(shape: list[int], strides: list[int]) -> list[int]:
    """Return the offsets of the elements in logical order."""
    offsets = [0]
    for length, stride in zip(shape, strides, strict=True):
        offsets = [offset + index * stride for offset in offsets for index in range(length)]
    return offsets


def place(index: int, sizes: tuple[int, ...], steps: tuple[int, ...]) -> int:
    """Return the offset of an index whose first dimension is the fastest."""
    found = 0
    for size, step in zip(sizes, steps, strict=True):
        found, index = found + index % size * step, index // size
    assert index == 0
    return found


@many
@given(
    shape=st.lists(st.integers(1, 5), max_size=5),
    order=st.randoms(use_true_random=False),
    size=st.sampled_from([1, 2, 4, 8, 16]),
)
def test_words_are_put_together_from_the_elements_of_the_logical_order(
    shape: list[int], order: random.Random, size: int
) -> None:
    strides = [order.choice((0, 1, 2, 3, 7, 30)) for _ in shape]
    layout = layout_of(shape, strides, size)
    assert layout is not None
    parts = max(1, size // 8)
    offsets = [
        offset * parts + part for offset in logical_offsets(shape, strides) for part in range(parts)
    ]
    assert layout.extent == (max(offsets) + 1) * min(size, 8)
    if layout.walk is Walk.CONTIGUOUS:
        assert offsets == list(range(len(offsets)))
        assert layout.count == len(offsets) * min(size, 8)
        return
    ratio = 8 // layout.size
    if layout.walk is Walk.STRADDLING:
        assert [place(i, layout.sizes, layout.strides) for i in range(layout.count)] == offsets
        return
    words = {}
    for i in range(layout.count):
        start = place(i, layout.sizes, layout.strides)
        words[place(i, layout.sizes, layout.positions)] = [
            start + part * layout.inner for part in range(ratio)
        ]
    assert [offset for k in range(layout.count) for offset in words[k]] == offsets


def test_neighbouring_lanes_read_neighbouring_memory_of_a_transposed_matrix() -> None:
    layout = layout_of((100, 200), (1, 100), 4)
    assert layout is not None
    assert (layout.walk, layout.strides[0], layout.sizes[0]) == (Walk.ROWS, 1, 100)


def test_dimensions_that_step_on_evenly_are_one() -> None:
    assert merge([(2, 60), (3, 20), (1, 999), (4, 5), (5, 1)]) == [(120, 1)]
    assert merge([(2, 30), (3, 5), (5, 1)]) == [(2, 30), (15, 1)]
    assert merge([(3, 0), (4, 0), (2, 1)]) == [(12, 0), (2, 1)]


@pytest.mark.parametrize("last", [3, 4])
def test_more_dimensions_than_the_kernel_has_are_refused(last: int) -> None:
    shape = [3] * MAX_RANK + [last]
    strides = [5 * 7**axis for axis in range(MAX_RANK + 1)]
    assert layout_of(shape, strides, 4) is None
    assert layout_of(shape[1:], strides[1:], 4) is not None


def test_a_tensor_without_elements_has_nothing_to_walk_over() -> None:
    layout = layout_of((3, 0), (1, 1), 4)
    assert layout is not None
    assert (layout.count, layout.extent) == (0, 0)
