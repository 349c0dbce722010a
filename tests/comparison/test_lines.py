"""Where the program's own lines part, in traces made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.lines import (
    MAX_DIFFERENCES,
    LineDifference,
    LineKind,
    differing_lines,
    first_entry,
)
from reproaudit.model.events import EventFlag, EventKind, Location
from tests.comparison.traces import Row, make_run

LATE = float("inf")


def line(number: int, *changes: Row, inputs: int = 1, thread: int = 0) -> list[Row]:
    """Return what is told of one statement: that it ran, then what it changed."""
    ran = Row("", inputs=inputs, kind=EventKind.LINE, line=number, thread=thread)
    return [ran, *(place(change, number, thread, inputs) for change in changes)]


def place(change: Row, number: int, thread: int, inputs: int) -> Row:
    return Row(
        change.name,
        change.outputs,
        change.inputs or inputs,
        EventKind.LINE,
        change.flags,
        line=number,
        thread=thread,
    )


def compared(
    tmp_path: Path, a: Sequence[list[Row]], b: Sequence[list[Row]]
) -> list[LineDifference]:
    one, other = (
        make_run(tmp_path, k, [row for rows in lines for row in rows])
        for k, lines in enumerate((a, b))
    )
    return differing_lines(one, other, Interned())


def shown(rows: Sequence[LineDifference]) -> list[tuple[str, int, str]]:
    return [(row.kind.value, row.location.line, row.name) for row in rows]


def entry_line(
    rows: Sequence[LineDifference], before: float = LATE, ignored: Sequence[int] = ()
) -> int | None:
    found = first_entry(
        rows, before, frozenset(Location("train.py", number).code_line for number in ignored)
    )
    return None if found is None else found.location.line


def test_equal_runs_have_no_differing_line(tmp_path: Path) -> None:
    lines = [line(1, Row("x", 5)), line(2, Row("y", 6)), line(3)]
    assert compared(tmp_path, lines, lines) == []


def test_a_value_from_equal_inputs_is_the_entry_and_what_is_made_of_it_is_carried(
    tmp_path: Path,
) -> None:
    a = [line(1, Row("words", 5)), line(2, Row("w", 6)), line(3, Row("ids", 7), inputs=6)]
    b = [line(1, Row("words", 5)), line(2, Row("w", 8)), line(3, Row("ids", 9), inputs=8)]
    found = compared(tmp_path, a, b)
    assert shown(found) == [("value", 2, "w"), ("value", 3, "ids")]
    assert [row.is_carried for row in found] == [False, True]
    assert entry_line(found) == 2


def test_only_the_first_difference_of_a_name_at_a_line_is_kept(tmp_path: Path) -> None:
    a = [line(1, Row("w", number)) for number in range(5)]
    b = [line(1, Row("w", number if number < 2 else 100 + number)) for number in range(5)]
    (found,) = compared(tmp_path, a, b)
    assert found.event == 2 * 2 + 1


def test_no_more_than_a_thousand_are_kept(tmp_path: Path) -> None:
    a = [line(number, Row("w", 1)) for number in range(MAX_DIFFERENCES + 100)]
    b = [line(number, Row("w", 2)) for number in range(MAX_DIFFERENCES + 100)]
    found = compared(tmp_path, a, b)
    assert len(found) == MAX_DIFFERENCES
    assert found[0].location.line == 0


def test_where_the_lines_part_the_last_common_line_is_named(tmp_path: Path) -> None:
    a = [line(1, Row("x", 5)), line(2), line(3, Row("y", 6)), line(9)]
    b = [line(1, Row("x", 5)), line(2), line(7, Row("z", 6)), line(9)]
    found = compared(tmp_path, a, b)
    assert shown(found) == [("branch", 2, "")]
    assert entry_line(found) == 2


def test_a_branch_on_a_value_that_differed_is_carried(tmp_path: Path) -> None:
    a = [line(1, Row("x", 5)), line(2, inputs=5), line(3)]
    b = [line(1, Row("x", 6)), line(2, inputs=6), line(4)]
    found = compared(tmp_path, a, b)
    assert shown(found) == [("value", 1, "x"), ("branch", 2, "")]
    assert entry_line(found, ignored=[1]) is None


def test_a_line_that_changes_something_in_one_run_only_is_no_branch(tmp_path: Path) -> None:
    for number, (one, other) in enumerate([([Row("d", 5)], []), ([], [Row("d", 5)])]):
        folder = tmp_path / str(number)
        found = compared(
            folder, [line(1), line(2, *one), line(3)], [line(1), line(2, *other), line(3)]
        )
        assert shown(found) == [("value", 2, "d")]


def test_a_run_without_a_last_common_line_parts_at_its_first(tmp_path: Path) -> None:
    assert shown(compared(tmp_path, [line(1), line(9)], [line(2), line(9)])) == [("branch", 1, "")]


def test_a_draw_from_a_stream_that_differed_comes_before_what_was_drawn(tmp_path: Path) -> None:
    def draws(state: int, later: int) -> list[list[Row]]:
        drawn = line(2, Row("stream:python", state + 1, inputs=state), Row("x", state))
        return [line(1), drawn, line(3, Row("stream:python", later, inputs=state + 1))]

    found = compared(tmp_path, draws(10, 70), draws(20, 80))
    assert shown(found) == [
        ("draw", 2, "stream:python"),
        ("value", 2, "x"),
        ("draw", 3, "stream:python"),
    ]
    assert [row.state_differed for row in found] == [True, False, True]
    entry = first_entry(found[::-1], LATE)
    assert entry is not None
    assert entry.kind is LineKind.DRAW


def test_a_stream_seeded_alike_is_no_difference_whatever_it_was_before(tmp_path: Path) -> None:
    a, b = ([line(1, Row("stream:torch", 9, inputs=state))] for state in (3, 4))
    assert compared(tmp_path, a, b) == []


def test_a_draw_of_another_length_is_carried_if_its_statement_read_something_else(
    tmp_path: Path,
) -> None:
    a, b = (
        [line(1, Row("n", n)), line(2, Row("stream:numpy", n, inputs=1), inputs=n)] for n in (3, 4)
    )
    found = compared(tmp_path, a, b)
    assert [(row.kind, row.state_differed, row.is_carried) for row in found] == [
        (LineKind.VALUE, False, False),
        (LineKind.DRAW, False, True),
    ]


def test_lines_that_ask_a_clock_are_no_entries_nor_is_what_is_made_of_them(tmp_path: Path) -> None:
    def timed(clock: int, order: int) -> list[list[Row]]:
        lines = [line(1, Row("now", clock)), line(2, Row("rate", clock), inputs=clock)]
        return [*lines, line(3, Row("order", order))]

    found = compared(tmp_path, timed(5, 8), timed(6, 9))
    assert entry_line(found) == 1
    assert entry_line(found, ignored=[1]) == 3
    assert entry_line(found, before=4, ignored=[1]) is None


def test_what_is_carried_counts_where_no_entry_was_seen(tmp_path: Path) -> None:
    a, b = ([line(1), line(4, Row("x", state), inputs=state)] for state in (5, 6))
    assert entry_line(compared(tmp_path, a, b)) == 4


def test_nothing_at_or_after_the_op_is_its_entry(tmp_path: Path) -> None:
    a, b = ([line(1), line(2, Row("x", state))] for state in (5, 6))
    found = compared(tmp_path, a, b)
    assert entry_line(found, before=found[0].event) is None
    assert entry_line(found, before=found[0].event + 0.5) == 2


def test_undefined_memory_is_no_difference(tmp_path: Path) -> None:
    def allocates(content: int) -> list[list[Row]]:
        op = [Row("aten::empty.memory_format", flags=EventFlag.UNDEFINED, line=2)]
        return [
            line(1, Row("array", content, flags=EventFlag.UNDEFINED)),
            op,
            line(2, Row("tensor", content)),
        ]

    assert compared(tmp_path, allocates(5), allocates(6)) == []


def test_which_thread_did_which_work_is_no_difference_and_other_work_is(tmp_path: Path) -> None:
    first = [
        line(1, Row("x", 5), thread=1),
        line(1, Row("x", 6), thread=2),
        line(2, Row("y", 5), inputs=5, thread=2),
    ]
    swapped = [
        line(1, Row("x", 6), thread=1),
        line(1, Row("x", 5), thread=2),
        line(2, Row("y", 5), inputs=5, thread=1),
    ]
    assert compared(tmp_path / "equal", first, swapped) == []
    other = [
        line(1, Row("x", 5), thread=1),
        line(1, Row("x", 7), thread=2),
        line(2, Row("y", 7), inputs=7, thread=2),
    ]
    found = compared(tmp_path / "other", first, other)
    assert [(row.name, row.thread, row.is_carried) for row in found] == [
        ("x", 2, False),
        ("y", 2, True),
    ]


def test_swapping_the_runs_finds_the_same_lines(tmp_path: Path) -> None:
    a = [line(1, Row("x", 5)), line(2), line(3, Row("y", 6)), line(9, Row("z", 1))]
    b = [line(1, Row("x", 4)), line(2), line(7, Row("y", 6)), line(9, Row("z", 2))]
    assert shown(compared(tmp_path / "ab", a, b)) == shown(compared(tmp_path / "ba", b, a))
