"""How a kernel walks a tensor's memory so that it meets the 64-bit words of its logical bytes: from
shape and strides.

A word is 8 bytes of the logical order, at position k. Three walks cover every strided tensor:

  CONTIGUOUS  the bytes lie in logical order: word k is at 8 k
  ROWS        a row of the last dimension is a whole number of words, so each word lies inside one row: the words are
              visited in the order of memory, whatever the order of the dimensions, and each brings its position along
  STRADDLING  words cross from one row into the next: words in logical order, each of their elements looked up alone

No walk materialises what an expanded dimension repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

WORD = 8  # bytes
MAX_RANK = (
    6  # of a tensor whose dimensions are merged where they can be; more are left to torch ops
)

Dim = tuple[int, int]  # size, stride


class Walk(IntEnum):
    CONTIGUOUS = 0
    ROWS = 1
    STRADDLING = 2


@dataclass(frozen=True, slots=True)
class Layout:
    """Shape and strides as the kernel wants them. Strides are in elements of `size` bytes, fastest
    dimension first."""

    walk: Walk
    size: int  # bytes of an element: 1, 2, 4 or 8
    count: int  # CONTIGUOUS: bytes; ROWS: words; STRADDLING: elements
    extent: int  # bytes from the first element to the end of the last one
    inner: int = 0  # ROWS: elements between two neighbours in a word
    sizes: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    positions: tuple[
        int, ...
    ] = ()  # ROWS: words of the logical order between two neighbours in the dimension


def layout_of(shape: Sequence[int], strides: Sequence[int], size: int) -> Layout | None:
    """Return how to walk a tensor with elements of `size` bytes; None for what the kernel does not
    cover."""
    if 0 in shape:
        return Layout(Walk.CONTIGUOUS, 1, 0, 0)
    dims = list(zip(shape, strides, strict=True))
    if size == 2 * WORD:  # complex128: pairs of float64
        dims, size = [*((count, 2 * stride) for count, stride in dims), (2, 1)], WORD
    if size not in (1, 2, 4, WORD) or any(stride < 0 for _, stride in dims):
        return None
    dims = merge(dims)
    count = 1
    for length, _ in dims:
        count *= length
    extent = (sum((length - 1) * stride for length, stride in dims) + 1) * size
    if not dims or (len(dims) == 1 and dims[0][1] == 1):
        return Layout(Walk.CONTIGUOUS, 1, count * size, extent)
    ratio = WORD // size
    length, inner = dims[-1]
    if length % ratio == 0:
        return _rows(dims, size, inner, count // ratio, extent)
    if len(dims) > MAX_RANK:
        return None
    dims.reverse()
    return Layout(
        Walk.STRADDLING,
        size,
        count,
        extent,
        sizes=tuple(length for length, _ in dims),
        strides=tuple(stride for _, stride in dims),
    )


def merge(dims: Sequence[Dim]) -> list[Dim]:
    """Return the same walk in as few dimensions as can be: neighbours that step on evenly are one."""
    merged: list[Dim] = []
    for length, stride in dims:
        if length == 1:
            continue
        if merged and merged[-1][1] == length * stride:
            merged[-1] = (merged[-1][0] * length, stride)
        else:
            merged.append((length, stride))
    return merged


def _rows(dims: list[Dim], size: int, inner: int, count: int, extent: int) -> Layout | None:
    ratio = WORD // size
    words = [*dims[:-1], (dims[-1][0] // ratio, dims[-1][1] * ratio)]
    placed = []
    position = 1
    for length, stride in reversed(words):
        placed.append((stride, length, position))
        position *= length
    # Neighbouring lanes shall read neighbouring memory. What is repeated comes first of all: it is
    # read once.
    placed = sorted(row for row in placed if row[1] != 1)
    if len(placed) > MAX_RANK:
        return None
    return Layout(
        Walk.ROWS,
        size,
        count,
        extent,
        inner,
        tuple(row[1] for row in placed),
        tuple(row[0] for row in placed),
        tuple(row[2] for row in placed),
    )
