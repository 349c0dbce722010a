"""Whose difference it is that an op receives from other ranks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import Localisation, Origin, localise
from reproaudit.model.events import EventFlag
from tests.comparison.traces import Row, make_run_of_ranks

REDUCE = Row("c10d::allreduce_.default", 5, 1, line=2)
READ = Row("aten::add.Tensor", 6, 5, line=3)

Ranks = list[list[Row]]


def located(folder: Path, first: Ranks, second: Ranks, *, world: int = 0) -> Localisation:
    a = make_run_of_ranks(folder, 0, first, world=world)
    b = make_run_of_ranks(folder, 1, second, world=world)
    return localise(a, b, Interned())


def origins(found: Localisation) -> list[tuple[Origin, str, int | None]]:
    return [(source.origin, source.process, source.event_a) for source in found.sources]


def rank(contribution: int, total: int, *, made_of: int = 1) -> list[Row]:
    """One rank: an op, the message that sends its result, and one that reads what comes back."""
    return [
        Row("aten::index_put_", contribution, made_of, line=1),
        replace(REDUCE, inputs=contribution, outputs=total),
        replace(READ, inputs=total, outputs=total + 1),
    ]


def test_a_message_is_not_accused_of_what_another_rank_gave_to_it(tmp_path: Path) -> None:
    first = [rank(10, 60), rank(20, 60), rank(30, 60)]
    second = [rank(10, 70), rank(25, 70), rank(30, 70)]
    assert origins(located(tmp_path, first, second)) == [(Origin.OP, "rank-1", 0)]


def test_a_message_is_accused_if_all_ranks_gave_the_same_to_it(tmp_path: Path) -> None:
    first = [rank(10, 60), rank(20, 60), rank(30, 60)]
    second = [rank(10, 70), rank(20, 70), rank(30, 70)]
    found = located(tmp_path, first, second)
    assert origins(found) == [(Origin.REDUCTION, label, 1) for label in ("", "rank-1", "rank-2")]
    assert found.sources[0].messages is None


def test_what_a_rank_gave_that_left_no_trace_is_not_taken_for_equal(tmp_path: Path) -> None:
    first = [rank(10, 60), rank(20, 60)]
    second = [rank(10, 70), rank(20, 70)]
    found = located(tmp_path, first, second, world=3)
    assert origins(found) == [(Origin.ARRIVAL, "", 1)]


def test_contributions_that_nobody_digested_are_not_taken_for_equal(tmp_path: Path) -> None:
    first = [rank(10, 60), rank(0, 60)]
    second = [rank(10, 70), rank(0, 70)]
    assert origins(located(tmp_path, first, second)) == [(Origin.ARRIVAL, "", 1)]


@pytest.mark.parametrize("name", ["c10d::broadcast_", "c10d::recv_", "c10d::allgather_"])
def test_what_only_hands_on_is_never_said_to_reduce(tmp_path: Path, name: str) -> None:
    first = [[Row(name, 60, 1)], [Row(name, 60, 1)]]
    second = [[Row(name, 70, 1)], [Row(name, 70, 1)]]
    assert origins(located(tmp_path, first, second)) == [(Origin.ARRIVAL, "", 0)]


def test_an_op_on_spread_tensors_is_a_source_only_if_all_ranks_gave_it_the_same(
    tmp_path: Path,
) -> None:
    def op(given: int, outputs: int) -> list[Row]:
        return [Row("dtensor::aten::mm.default", outputs, given)]

    first = [op(1, 60), op(2, 60)]
    same = located(tmp_path / "same", first, [op(1, 70), op(2, 70)])
    assert origins(same) == [(Origin.OP, "", 0), (Origin.OP, "rank-1", 0)]
    other = located(tmp_path / "other", first, [op(1, 70), op(3, 70)])
    assert origins(other) == [(Origin.INPUT, "rank-1", 0)]


def test_messages_are_matched_by_what_they_are_and_not_by_their_place_in_the_trace(
    tmp_path: Path,
) -> None:
    log = Row("aten::item", 1, 1, line=9)
    first = [[log, log, *rank(10, 60)], rank(20, 60)]
    second = [[log, log, *rank(10, 70)], rank(20, 70)]
    found = located(tmp_path, first, second)
    assert origins(found) == [(Origin.REDUCTION, "", 3), (Origin.REDUCTION, "rank-1", 1)]


def test_each_call_at_a_line_is_matched_with_the_same_call_of_other_ranks(tmp_path: Path) -> None:
    def calls(given: list[int], second_total: int) -> list[Row]:
        return [
            replace(REDUCE, inputs=given[0], outputs=50),
            replace(REDUCE, inputs=given[1], outputs=second_total),
        ]

    # Rank 1 gives another number to the second call, and the same one to the first.
    first = [calls([1, 2], 60), calls([3, 4], 60)]
    second = [calls([1, 2], 70), calls([3, 9], 70)]
    found = located(tmp_path, first, second)
    assert [source.origin for source in found.sources] == [Origin.INPUT]
    assert found.sources[0].process == "rank-1"


def test_what_a_thread_receives_from_another_rank_is_no_source(tmp_path: Path) -> None:
    def in_thread(rows: list[Row]) -> list[Row]:
        return [replace(row, thread=1) for row in rows]

    first = [in_thread(rank(10, 60)), rank(20, 60)]
    second = [in_thread(rank(10, 70)), rank(25, 70)]
    assert origins(located(tmp_path, first, second)) == [(Origin.OP, "rank-1", 0)]


# -- the same in other parts


def buckets(sizes: list[int], total: int, *, before: tuple[Row, ...] = ()) -> list[Row]:
    """One rank that allocates buckets, reduces them, and reads what comes back."""
    allocations = [
        Row("aten::empty", inputs=size, line=1, flags=EventFlag.UNDEFINED) for size in sizes
    ]
    messages = [
        replace(REDUCE, inputs=size, outputs=total + size, aux=size, step=1) for size in sizes
    ]
    return [*before, *allocations, *messages, replace(READ, inputs=total, outputs=total, step=1)]


def test_the_same_whole_in_other_parts_is_the_source_and_not_what_it_brings_along(
    tmp_path: Path,
) -> None:
    first = [buckets([4, 4], 60) for _ in range(3)]
    second = [buckets([8], 70) for _ in range(3)]
    found = located(tmp_path, first, second)
    assert origins(found) == [(Origin.REDUCTION, label, 2) for label in ("", "rank-1", "rank-2")]
    assert {source.messages for source in found.sources} == {(2, 1)}


def test_another_whole_is_no_other_grouping(tmp_path: Path) -> None:
    first = [buckets([4, 4], 60) for _ in range(3)]
    second = [buckets([9], 70) for _ in range(3)]
    found = {source.origin for source in located(tmp_path, first, second).sources}
    assert Origin.REDUCTION not in found


def test_the_same_parts_in_another_order_are_no_other_grouping(tmp_path: Path) -> None:
    first = [buckets([4, 8], 60) for _ in range(3)]
    second = [buckets([8, 4], 70) for _ in range(3)]
    found = {source.origin for source in located(tmp_path, first, second).sources}
    assert Origin.REDUCTION not in found


def test_one_rank_that_reduces_in_the_same_parts_speaks_against_another_grouping(
    tmp_path: Path,
) -> None:
    first = [buckets([4, 4], 60), buckets([4, 4], 60)]
    second = [buckets([8], 70), buckets([4, 4], 70)]
    found = {source.origin for source in located(tmp_path, first, second).sources}
    assert Origin.REDUCTION not in found


def test_a_kernel_that_differs_after_the_grouping_is_named_too(tmp_path: Path) -> None:
    first = [[*buckets([4, 4], 60), Row("mm", 1, 1, line=8, step=1)] for _ in range(3)]
    second = [[*buckets([8], 70), Row("mm", 2, 1, line=8, step=1)] for _ in range(3)]
    found = located(tmp_path, first, second)
    assert [source.origin for source in found.sources[:2]] == [Origin.REDUCTION, Origin.OP]


def test_what_differs_before_the_grouping_is_named_first(tmp_path: Path) -> None:
    first = [buckets([4, 4], 60, before=(Row("mm", 1, 1),)) for _ in range(3)]
    second = [buckets([8], 70, before=(Row("mm", 2, 1),)) for _ in range(3)]
    found = located(tmp_path, first, second)
    assert found.sources[0].origin is Origin.OP
    assert Origin.REDUCTION in {source.origin for source in found.sources}
