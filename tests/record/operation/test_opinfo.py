"""What is known of an operator from its schema and its name alone."""

from __future__ import annotations

import pytest
import torch

from reproaudit.record.operation.opinfo import OpTable, describe_op

aten = torch.ops.aten


def test_an_in_place_op_that_only_overwrites_has_no_input_in_its_self_argument() -> None:
    assert describe_op(aten.copy_.default).write_only == {0}
    assert describe_op(aten.add_.Tensor).write_only == frozenset()
    assert describe_op(aten.add_.Tensor).mutated == {0}


def test_an_out_argument_is_overwritten_by_name() -> None:
    info = describe_op(aten.add.out)
    assert info.write_only_names == {"out"}
    assert info.mutated_names == {"out"}


@pytest.mark.parametrize(
    ("op", "field"),
    [
        (aten.view.default, "is_view"),
        (aten.set_.source_Storage, "is_view"),
        (aten.empty.memory_format, "is_undefined"),
        (aten.resize_.default, "is_undefined"),
        (aten.rand.default, "is_random"),
        (aten.lift_fresh.default, "is_birth"),
        (aten.clone.default, "is_copy"),
    ],
)
def test_an_op_has_one_nature(op: torch._ops.OpOverload, field: str) -> None:
    info = describe_op(op)
    natures = ("is_view", "is_undefined", "is_random", "is_birth", "is_copy", "is_silent")
    assert [name for name in natures if getattr(info, name)] == [field]


def test_an_op_without_a_schema_is_taken_for_a_plain_one() -> None:
    info = describe_op(torch.ops.higher_order.cond)
    assert (info.name, info.mutated, info.is_view) == ("cond", frozenset(), False)


def test_an_op_is_described_once() -> None:
    table = OpTable()
    assert table[aten.mm.default] is table[aten.mm.default]
