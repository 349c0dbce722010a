"""Which samples are run first, and which cells an op has."""

from __future__ import annotations

import types

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.atlas.cells import Request
from reproaudit.atlas.child.opdb import choose_ops, make_groups, make_samples, spread_positions
from reproaudit.atlas.child.values import identify


@given(st.integers(0, 400))
def test_every_sample_is_met_once_and_the_first_is_the_first(count: int) -> None:
    order = list(spread_positions(count))
    assert sorted(order) == list(range(count))
    assert order[:1] == ([0] if count else [])


def test_the_first_few_samples_lie_far_apart() -> None:
    assert list(spread_positions(64))[:4] == [0, 32, 16, 48]


def fake_op(**more: object) -> types.SimpleNamespace:
    return types.SimpleNamespace(
        name="op",
        variant_test_name="",
        supports_autograd=True,
        supported_dtypes=lambda device: {torch.float32, torch.int64},
        supported_backward_dtypes=lambda device: {torch.float32},
        **more,
    )


def test_an_op_has_backward_cells_only_in_dtypes_that_have_a_gradient() -> None:
    request = Request(dtypes=("float32", "int64", "complex64"), sizes=("large",), threads=(1, 4))
    cells = [str(cell) for group in make_groups(fake_op(), request) for cell in group.cells]
    assert cells == [
        "cpu/op/float32/large/t4/forward",
        "cpu/op/float32/large/t4/backward",
        "cpu/op/float32/large/t1/forward",
        "cpu/op/float32/large/t1/backward",
        "cpu/op/int64/large/t4/forward",
        "cpu/op/int64/large/t1/forward",
    ]


def test_an_op_that_lacks_the_wanted_dtypes_has_no_cells() -> None:
    assert make_groups(fake_op(), Request(dtypes=("bfloat16",))) == []


@pytest.mark.slow
@pytest.mark.seeded
@pytest.mark.leaves(
    "sys-path", reason="importing op_db imports setuptools, which adds a folder of its own"
)
def test_samples_are_the_same_each_time_they_are_made() -> None:
    (op,) = choose_ops(Request(only="^index_add$"))
    group = make_groups(op, Request(sizes=("sample",)))[0]
    first, again = make_samples(group, "cpu"), make_samples(group, "cpu")
    assert len(first) > 3
    assert [identify(call.operands) for call in first] == [
        identify(call.operands) for call in again
    ]
