"""Columns of a result as their items, and columns that are none."""

from __future__ import annotations

import pytest

from reproaudit.model.packed import Packed, pack
from reproaudit.report import unpacked
from reproaudit.report.unpacked import read_items, read_whole_numbers
from tests.report.drawn import CODES, column


@pytest.mark.parametrize("dtype", CODES)
def test_items_come_back_as_they_were(dtype: str) -> None:
    assert list(read_items(column(dtype, [0, 1, 200]), 3)) == [0, 1, 200]


def test_negative_numbers_keep_their_sign() -> None:
    assert list(read_whole_numbers(column("<i4", [-1, 5]), 2)) == [-1, 5]


@pytest.mark.parametrize(
    ("packed", "length", "said"),
    [
        (column("|u1", [1, 2]), 3, "has 2 items, not 3"),
        (Packed("|u1", 3, column("|u1", [1, 2]).data), 3, "holds 2 bytes"),
        (Packed("<c8", 1, pack("|u1", b"12345678").data), 1, "no column of"),
        (Packed("|u1", 1, "not base64!"), 1, "damaged"),
        (column("<f8", [1.5]), 1, "no whole numbers"),
    ],
)
def test_a_column_that_is_none_is_an_error(packed: Packed, length: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_whole_numbers(packed, length)


def test_a_column_that_claims_to_be_huge_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked, "_MOST_ITEMS", 2)
    with pytest.raises(ValueError, match="3 items are too many"):
        read_items(column("|u1", [1, 2, 3]), 3)
