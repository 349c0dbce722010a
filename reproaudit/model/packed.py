"""Owns columns of whole numbers or floats as text: what a result keeps of long tables."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass

# Little-endian, as NumPy names them; also the only ones that a page decodes.
ITEM_BYTES = {"|u1": 1, "<u2": 2, "<u4": 4, "<i4": 4, "<f4": 4, "<f8": 8}
_LEVEL = 9


@dataclass(frozen=True, slots=True)
class Packed:
    """One column: `length` little-endian items of `dtype` (a key of ITEM_BYTES), compressed by zlib
    (RFC 1950), as base64 text."""

    dtype: str
    length: int
    data: str


def pack(dtype: str, items: bytes) -> Packed:
    """Return the column whose items are these bytes. Raises ValueError for a part of an item."""
    length, rest = divmod(len(items), ITEM_BYTES[dtype])
    if rest:
        raise ValueError(f"{len(items)} bytes are no whole number of items of {dtype}")
    data = base64.b64encode(zlib.compress(items, _LEVEL)).decode("ascii")
    return Packed(dtype, length, data)


def unpack(column: Packed) -> bytes:
    """Return the bytes of the items. Raises ValueError if the text is damaged, or holds more or
    fewer items than `length`: never are more bytes made than these take."""
    if column.dtype not in ITEM_BYTES:
        raise ValueError(f"there is no column of {column.dtype!r}")
    size = column.length * ITEM_BYTES[column.dtype]
    decoder = zlib.decompressobj()
    try:
        compressed = base64.b64decode(column.data, validate=True)
        # 0 would mean no limit.
        items = decoder.decompress(compressed, size + 1)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ValueError(f"a column is damaged: {error}") from None
    if len(items) != size or not decoder.eof:
        raise ValueError(f"a column holds {len(items)} bytes or more, not {size}")
    return items
