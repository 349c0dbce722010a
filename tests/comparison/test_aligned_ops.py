"""The operators of two runs in one order: what each row says, and which rows there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reproaudit.comparison import aligned_ops
from reproaudit.comparison.aligned_ops import align_all, align_around_sources
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.model.aligned_ops import AlignedOps, RowState, Stretch
from reproaudit.model.events import EventFlag, Location, Phase
from reproaudit.model.packed import Packed, unpack
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run, make_run_of_ranks

EQUAL, SOURCE, CARRIER, ABSORBED, ONLY_A, ONLY_B, UNCOMPARED = RowState


def numbers(column: Packed) -> list[Any]:
    found: list[Any] = np.frombuffer(unpack(column), column.dtype).tolist()
    return found


def read(ops: AlignedOps, stretch: Stretch) -> list[tuple[str, RowState]]:
    """Return the name and the state of each row."""
    names = [ops.strings[number] for number in numbers(stretch.op)]
    return list(zip(names, map(RowState, numbers(stretch.state)), strict=True))


def align(a: Run, b: Run) -> AlignedOps:
    interned = Interned()
    return align_all(a, b, localise(a, b, interned), interned)


def aligned(folder: Path, first: list[Row], second: list[Row]) -> list[tuple[str, RowState]]:
    ops = align(make_run(folder, 0, first), make_run(folder, 1, second))
    (stretch,) = ops.stretches
    return read(ops, stretch)


def test_every_row_says_what_became_of_the_difference(tmp_path: Path) -> None:
    def rows(digest: int) -> list[Row]:
        return [
            Row("aten::mm.default", 1, line=1),
            Row("aten::view", 2, 1, flags=EventFlag.VIEW, line=2),
            Row("aten::index_put_", digest, 1, line=3),
            Row("aten::add.Tensor", digest + 1, digest, line=4),
            Row("aten::sign", 3, digest, line=5),
        ]

    assert aligned(tmp_path, rows(10), rows(20)) == [
        ("aten::mm", EQUAL),
        ("aten::view", UNCOMPARED),
        ("aten::index_put_", SOURCE),
        ("aten::add.Tensor", CARRIER),
        ("aten::sign", ABSORBED),
    ]


def test_calls_of_one_run_alone_stand_between_those_of_both_the_first_run_s_first(
    tmp_path: Path,
) -> None:
    first = [Row(name, 1, line=n) for n, name in enumerate("abcde")]
    second = [
        Row(name, 1, line=n) for n, name in ((8, "x"), (0, "a"), (9, "y"), (3, "d"), (7, "z"))
    ]
    assert aligned(tmp_path, first, second) == [
        ("x", ONLY_B),
        ("a", EQUAL),
        ("b", ONLY_A),
        ("c", ONLY_A),
        ("y", ONLY_B),
        ("d", EQUAL),
        ("e", ONLY_A),
        ("z", ONLY_B),
    ]


def test_runs_without_a_common_call_are_told_one_after_the_other(tmp_path: Path) -> None:
    assert aligned(tmp_path, [Row("a", 1, line=1), Row("b", 1, line=2)], [Row("c", 1, line=3)]) == [
        ("a", ONLY_A),
        ("b", ONLY_A),
        ("c", ONLY_B),
    ]


def test_every_op_of_either_run_has_one_row_wherever_it_stands(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(20):
        first, second = (
            [Row(str(letter), 1, line=int(letter)) for letter in random.integers(0, 5, size)]
            for size in random.integers(1, 40, 2)
        )
        rows = aligned(tmp_path / str(number), first, second)
        assert [name for name, state in rows if state != ONLY_B] == [row.name for row in first]
        assert [name for name, state in rows if state != ONLY_A] == [row.name for row in second]


def test_what_came_in_from_outside_is_a_source_where_it_is_first_read(tmp_path: Path) -> None:
    def rows(digest: int) -> list[Row]:
        return [Row("a", digest + 1, digest, line=1), Row("b", digest + 2, digest + 1, line=2)]

    assert aligned(tmp_path, rows(10), rows(20)) == [("a", SOURCE), ("b", CARRIER)]


def test_what_another_rank_sent_is_no_source_of_the_rank_that_received_it(tmp_path: Path) -> None:
    def ranks(digest: int) -> list[list[Row]]:
        sent = Row("c10d::allreduce_", digest, 1, line=3)
        return [
            [Row("mm", digest, 1, line=1), Row("c10d::allreduce_", digest, digest, line=3)],
            [Row("mm", 1, 1, line=1), sent],
        ]

    ops = align(
        make_run_of_ranks(tmp_path, 0, ranks(10)), make_run_of_ranks(tmp_path, 1, ranks(20))
    )
    assert [(stretch.process, read(ops, stretch)) for stretch in ops.stretches] == [
        ("", [("mm", SOURCE), ("c10d::allreduce_", CARRIER)]),
        ("rank-1", [("mm", EQUAL), ("c10d::allreduce_", CARRIER)]),
    ]


def test_columns_name_step_phase_module_and_line(tmp_path: Path) -> None:
    rows = [
        Row("a", 1, line=4, step=0, phase=Phase.DATA),
        Row("b", 1, line=0, step=1, phase=Phase.BACKWARD),
        Row("c", 1, line=5, step=1, phase=Phase.FORWARD, flags=EventFlag.INITIAL),
    ]
    ops = align(make_run(tmp_path, 0, rows), make_run(tmp_path, 1, rows))
    (stretch,) = ops.stretches
    assert numbers(stretch.step) == [0, 1, 1]
    assert numbers(stretch.phase) == [Phase.DATA, Phase.BACKWARD, Phase.INITIALISATION]
    assert [ops.locations[number] for number in numbers(stretch.location)] == [
        Location("train.py", 4, "main"),
        Location("", 0),
        Location("train.py", 5, "main"),
    ]
    assert (ops.strings[0], numbers(stretch.module)) == ("", [0, 0, 0])
    assert (stretch.first_row, stretch.total, stretch.rows) == (0, 3, 3)


def test_many_lines_take_a_wider_column(tmp_path: Path) -> None:
    rows = [Row("a", 1, line=line) for line in range(1, 301)]
    (stretch,) = align(make_run(tmp_path, 0, rows), make_run(tmp_path, 1, rows)).stretches
    assert (stretch.op.dtype, stretch.location.dtype) == ("|u1", "<u2")
    assert numbers(stretch.location) == list(range(1, 301))


def stream(content: int, *at: int, length: int = 1000) -> list[Row]:
    """Return ops of which those at some places give another result for each content."""
    return [Row("a", content if n in at else 1, 1, line=n + 1) for n in range(length)]


def test_a_result_has_the_rows_around_each_source(tmp_path: Path) -> None:
    a, b = (make_run(tmp_path, n, stream(n + 2, 40, 200, 700)) for n in range(2))
    interned = Interned()
    ops = align_around_sources(a, b, localise(a, b, interned), interned)
    assert ops is not None
    # The first two overlap.
    assert [(one.first_row, one.rows, one.total) for one in ops.stretches] == [
        (0, 301, 1000),
        (600, 201, 1000),
    ]
    sources = [one.first_row + numbers(one.state).index(SOURCE) for one in ops.stretches]
    assert sources == [40, 700]


def test_equal_streams_have_no_rows_around_sources(tmp_path: Path) -> None:
    a, b = (make_run(tmp_path, n, stream(1)) for n in range(2))
    interned = Interned()
    assert align_around_sources(a, b, localise(a, b, interned), interned) is None


def test_what_other_threads_did_has_no_rows(tmp_path: Path) -> None:
    def rows(content: int) -> list[Row]:
        return [Row("a", 1, 1, line=1), Row("b", content, 1, line=2, thread=1)]

    a, b = (make_run(tmp_path, n, rows(n + 2)) for n in range(2))
    interned = Interned()
    localisation = localise(a, b, interned)
    assert len(localisation.sources) == 1
    assert align_around_sources(a, b, localisation, interned) is None
    (stretch,) = align_all(a, b, localisation, interned).stretches
    assert stretch.rows == 1


def test_of_more_rows_than_fit_those_around_the_first_source_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aligned_ops, "MOST_ROWS", 100)
    monkeypatch.setattr(aligned_ops, "MOST_ROWS_IN_ALL", 150)
    ranks = [[stream(1, length=60), stream(1, length=70), stream(n + 2, 500)] for n in range(2)]
    a, b = (make_run_of_ranks(tmp_path, n, ranks[n]) for n in range(2))
    ops = align(a, b)
    # The rank that has a source comes first.
    assert [(one.process, one.first_row, one.rows, one.total) for one in ops.stretches] == [
        ("rank-2", 490, 100, 1000),
        ("", 0, 50, 60),
    ]
    assert ops.left_out_rows == 70
