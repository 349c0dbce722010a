"""How a kernel walks a tensor's memory to meet the 64-bit words of its logical bytes.

A word is 8 bytes of the logical order, at position k. Three walks cover every strided tensor:

  CONTIGUOUS  the bytes lie in logical order: word k is at 8 k
  ROWS        a row of the last dimension is a whole number of words, so each word lies inside one
              row: the words are visited in the order of memory, whatever the order of the
              dimensions, and each brings its position along
  STRADDLING  words cross from one row into the next: words in logical order, each of their elements
              looked up alone

No walk materialises what an expanded dimension repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter

WORD = 8  # bytes
# Of a tensor whose dimensions are merged where they can be; more are left to torch ops.
MAX_RANK = 6

Dim = tuple[int, int]  # size, stride


class Walk(IntEnum):
    CONTIGUOUS = 0
    ROWS = 1
    STRADDLING = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Shape and strides as the kernel wants them.

    Strides are in elements of `size` bytes, fastest dimension first.
    """

    walk: Walk
    size: int  # bytes of an element: 1, 2, 4 or 8
    count: int  # CONTIGUOUS: bytes; ROWS: words; STRADDLING: elements
    extent: int  # bytes from the first element to the end of the last one
    inner: int = 0  # ROWS: elements between two neighbours in a word
    sizes: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()  # ROWS: words between two neighbours, in the logical order


def layout_of(shape: Sequence[int], strides: Sequence[int], size: int) -> Layout | None:
    """Return how to walk a tensor with elements of `size` bytes; None if the kernel cannot."""
    if 0 in shape:
        return _contiguous(count=0, extent=0)
    dims = list(zip(shape, strides, strict=True))
    if size == 2 * WORD:  # complex128: pairs of float64
        dims = [(length, 2 * stride) for length, stride in dims]
        dims.append((2, 1))
        size = WORD
    if size not in (1, 2, 4, WORD):
        return None
    if any(stride < 0 for _, stride in dims):
        return None

    dims = merge(dims)
    count = 1
    last = 0
    for length, stride in dims:
        count *= length
        last += (length - 1) * stride
    extent = (last + 1) * size
    if not dims or (len(dims) == 1 and dims[0][1] == 1):
        return _contiguous(count=count * size, extent=extent)
    if dims[-1][0] % (WORD // size) == 0:
        return _rows(dims, size=size, count=count, extent=extent)
    if len(dims) > MAX_RANK:
        return None
    dims.reverse()
    return Layout(
        walk=Walk.STRADDLING,
        size=size,
        count=count,
        extent=extent,
        sizes=tuple(length for length, _ in dims),
        strides=tuple(stride for _, stride in dims),
    )


def merge(dims: Sequence[Dim]) -> list[Dim]:
    """Return the same walk in the fewest dimensions: neighbours that step on evenly are one."""
    merged: list[Dim] = []
    for length, stride in dims:
        if length == 1:
            continue
        if merged:
            outer_length, outer_stride = merged[-1]
            if outer_stride == length * stride:
                merged[-1] = (outer_length * length, stride)
                continue
        merged.append((length, stride))
    return merged


def _contiguous(*, count: int, extent: int) -> Layout:
    """Return the layout of `count` bytes in logical order; the kernel chooses how to read them."""
    return Layout(walk=Walk.CONTIGUOUS, size=1, count=count, extent=extent)


def _rows(dims: list[Dim], *, size: int, count: int, extent: int) -> Layout | None:
    """Return the layout of `count` elements whose rows are whole numbers of words."""
    per_word = WORD // size
    length, inner = dims[-1]
    row = (length // per_word, inner * per_word)
    words = [*dims[:-1], row]

    placed: list[tuple[int, int, int]] = []  # stride, size, position
    position = 1
    for length, stride in reversed(words):
        if length != 1:
            placed.append((stride, length, position))
        position *= length
    if len(placed) > MAX_RANK:
        return None
    # Neighbouring lanes are to read neighbouring memory, so the smallest stride comes first. What
    # is repeated has a stride of 0 and comes before all: it is read once.
    placed.sort()
    return Layout(
        walk=Walk.ROWS,
        size=size,
        count=count // per_word,
        extent=extent,
        inner=inner,
        sizes=tuple(map(itemgetter(1), placed)),
        strides=tuple(map(itemgetter(0), placed)),
        positions=tuple(map(itemgetter(2), placed)),
    )
