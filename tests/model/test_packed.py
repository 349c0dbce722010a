"""Columns as text: what is packed is unpacked, and a stranger's text makes no more than it says."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.model.packed import ITEM_BYTES, Packed, pack, unpack


@given(st.sampled_from(sorted(ITEM_BYTES)), st.binary(max_size=64))
def test_what_is_packed_is_unpacked(dtype: str, raw: bytes) -> None:
    items = raw[: len(raw) - len(raw) % ITEM_BYTES[dtype]]
    column = pack(dtype, items)
    assert column.length * ITEM_BYTES[dtype] == len(items)
    assert unpack(column) == items


def test_a_part_of_an_item_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes are no whole number of items of <u2"):
        pack("<u2", b"abc")


COLUMN = pack("|u1", b"abc")
DAMAGED = {
    "another dtype": replace(COLUMN, dtype="|S1"),
    "fewer items": replace(COLUMN, length=2),
    "more items": replace(COLUMN, length=4),
    "no base64": replace(COLUMN, data="*"),
    "not ASCII": replace(COLUMN, data="ä"),
    "no zlib": replace(COLUMN, data=base64.b64encode(b"abc").decode()),
    "a cut stream": replace(COLUMN, data=base64.b64encode(zlib.compress(b"abc")[:-2]).decode()),
    "a bomb": Packed("|u1", 10, base64.b64encode(zlib.compress(bytes(10_000_000))).decode()),
}


@pytest.mark.parametrize("fault", DAMAGED)
def test_a_damaged_column_is_a_value_error(fault: str) -> None:
    with pytest.raises(ValueError, match=r"there is no column|a column is damaged|a column holds"):
        unpack(DAMAGED[fault])
