"""Operands are digested as they lie in memory."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.record.digest.stored import digest_operand
from reproaudit.record.digest.tensors import digest


@given(
    st.permutations([2, 3, 4]), st.permutations([0, 1, 2]), st.integers(0, 23), st.integers(0, 31)
)
def test_one_flipped_bit_changes_the_digest_whatever_the_strides(
    shape: list[int], order: list[int], element: int, bit: int
) -> None:
    tensor = torch.arange(24, dtype=torch.int32).reshape(shape)
    before = digest_operand(tensor.permute(order))
    assert before == digest_operand(tensor.clone().permute(order))
    tensor.view(-1)[element] ^= torch.tensor(
        1 << bit if bit < 31 else -(1 << 31), dtype=torch.int32
    )
    assert digest_operand(tensor.permute(order)) != before


def test_contiguous_operands_have_the_one_digest() -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    assert digest_operand(tensor) == digest(tensor)


def test_gaps_and_overlaps_are_read_in_logical_order() -> None:
    base = torch.arange(12.0)
    for view in (
        base[::2],
        base.reshape(3, 4)[:, 1:3].t(),
        torch.ones(1).expand(5),
        base.unfold(0, 4, 2),
    ):
        assert digest_operand(view) == digest(view)


def test_equal_bytes_under_other_strides_differ() -> None:
    square = torch.arange(9.0).reshape(3, 3)
    assert digest_operand(square) != digest_operand(square.t())
