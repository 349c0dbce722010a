"""Operands are digested as they lie in memory."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.record.digest.stored import (
    combine_packed,
    digest_operand,
    digest_operands,
    unpack_operands,
)
from reproaudit.record.digest.tensors import combine, digest
from reproaudit.trace.event_calls import PackedDigest, pack_digest, unpack_digest

HALVES = st.integers(0, 2**64 - 1)


def digest_packed(tensor: torch.Tensor) -> PackedDigest:
    found = digest(tensor)
    assert found is not None
    return pack_digest(found)


@given(st.lists(st.tuples(HALVES, HALVES), max_size=5))
def test_packed_digests_are_combined_as_those_in_numbers_are(
    digests: list[tuple[int, int]],
) -> None:
    packed = [pack_digest(one) for one in digests]
    assert unpack_digest(combine_packed(packed)) == combine(digests)


def test_operands_met_once_or_often_have_the_digest_of_the_tensor() -> None:
    tensors = [torch.arange(6.0), torch.ones(0), torch.arange(6).reshape(2, 3), torch.tensor(2.5)]
    for _ in range(2):
        found = unpack_operands(digest_operands(tensors, lambda tensor: None))
        assert found == [digest(tensor) for tensor in tensors]


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
    assert digest_operand(tensor) == digest_packed(tensor)


def test_gaps_and_overlaps_are_read_in_logical_order() -> None:
    base = torch.arange(12.0)
    for view in (
        base[::2],
        base.reshape(3, 4)[:, 1:3].t(),
        torch.ones(1).expand(5),
        base.unfold(0, 4, 2),
    ):
        assert digest_operand(view) == digest_packed(view)


def test_equal_bytes_under_other_strides_differ() -> None:
    square = torch.arange(9.0).reshape(3, 3)
    assert digest_operand(square) != digest_operand(square.t())
