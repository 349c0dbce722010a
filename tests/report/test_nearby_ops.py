"""The calls around the place where two runs part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.model.aligned_ops import AlignedOps, RowState
from reproaudit.report.nearby_ops import STATES, NearbyOps, find_nearby_ops
from tests.report.drawn import CONTROL, OPS, column, make_ops


def find(ops: AlignedOps, before: int = 2, after: int = 3) -> NearbyOps:
    nearby = find_nearby_ops(ops, before=before, after=after)
    assert nearby is not None
    return nearby


def test_calls_around_the_first_source_are_shown_and_the_others_counted() -> None:
    nearby = find(OPS)
    assert [op.op for op in nearby.ops] == [
        "aten::mm",
        "aten::view",
        "aten::index_put_",
        "aten::add",
        "aten::gt",
        "aten::relu",
    ]
    assert nearby.ops[nearby.first].state is RowState.SOURCE
    assert (nearby.ops[2].line, nearby.ops[2].module) == ("train.py:8", "layers.1")
    assert (nearby.before, nearby.after) == (105, 1_000 - 111)


def test_at_the_ends_of_a_stretch_there_are_fewer() -> None:
    ops = make_ops([(RowState.SOURCE, "a"), (RowState.EQUAL, "b")])
    nearby = find(ops)
    assert (len(nearby.ops), nearby.first, nearby.before, nearby.after) == (2, 0, 0, 0)


def test_without_a_source_the_first_call_of_one_run_alone_is_looked_for() -> None:
    ops = make_ops([(RowState.EQUAL, "a"), (RowState.CARRIER, "b"), (RowState.ONLY_B, "c")])
    nearby = find(ops)
    assert nearby.ops[nearby.first].op == "c"
    assert find_nearby_ops(make_ops([(RowState.EQUAL, "a")]), before=1, after=1) is None
    assert find_nearby_ops(replace(ops, stretches=()), before=1, after=1) is None


def test_an_unknown_place_is_empty_and_names_are_escaped() -> None:
    ops = make_ops([(RowState.SOURCE, CONTROL)])
    (stretch,) = ops.stretches
    unknown = replace(stretch, location=column("<u2", [0]), module=column("<u2", [0]))
    (op,) = find(replace(ops, stretches=(unknown,))).ops
    assert (op.op, op.line, op.module) == (r"\x1b[31m\u202e:smile:\n", "", "")


def test_every_state_has_a_meaning() -> None:
    assert STATES.keys() == set(RowState)


@pytest.mark.parametrize("part", ["op", "module", "location"])
def test_numbers_of_nothing_are_an_error(part: str) -> None:
    (stretch,) = OPS.stretches
    damaged = replace(stretch, **{part: column("<u2", [999] * stretch.rows)})
    with pytest.raises(ValueError, match="entry 999"):
        find(replace(OPS, stretches=(damaged,)))


def test_columns_of_other_lengths_are_an_error() -> None:
    (stretch,) = OPS.stretches
    damaged = replace(stretch, op=column("<u2", [1]))
    with pytest.raises(ValueError, match="has 1 items"):
        find(replace(OPS, stretches=(damaged,)))
