"""Owns the way from packed columns of a result to their items, for what is drawn without a
browser."""

from __future__ import annotations

import sys
from array import array

from reproaudit.model.packed import Packed, unpack

_CODES = {"|u1": "B", "<u2": "H", "<u4": "I", "<i4": "i", "<f4": "f", "<f8": "d"}
_MOST_ITEMS = 8_000_000  # a stranger's file may claim any number


def read_items(column: Packed, length: int) -> array[int] | array[float]:
    """Return the items of a column. Raises ValueError unless it is whole and has this length, or if
    it is too long to be drawn."""
    if column.length != length:
        raise ValueError(f"a column has {column.length} items, not {length}")
    if length > _MOST_ITEMS:
        raise ValueError(f"{length:,} items are too many to be drawn")
    items: array[int] | array[float] = array(_CODES.get(column.dtype, "B"))
    items.frombytes(unpack(column))
    if sys.byteorder == "big":
        items.byteswap()
    return items


def read_whole_numbers(column: Packed, length: int) -> array[int]:
    """Return the items of a column of whole numbers. Raises ValueError as `read_items`."""
    if column.dtype.startswith("<f"):
        raise ValueError(f"a column of {column.dtype} has no whole numbers")
    items: array[int] = read_items(column, length)  # type: ignore[assignment]
    return items
