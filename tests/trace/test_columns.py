"""The events of a trace by columns."""

from __future__ import annotations

import numpy as np
import pytest

from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.columns import EventColumns
from reproaudit.trace.records import EVENT

OP, LINE, OUTPUT = EventKind.OP, EventKind.LINE, EventKind.OUTPUT


@pytest.fixture
def columns() -> EventColumns:
    rows = np.zeros(5, dtype=EVENT)
    rows["kind"] = [OP, LINE, OP, OUTPUT, OP]
    rows["flags"] = [EventFlag.RANDOM, 0, EventFlag.VIEW, EventFlag.RANDOM, 0]
    rows["thread"] = [0, 0, 2, 0, 1]
    rows["inputs"] = np.arange(10).reshape(5, 2)
    return EventColumns(rows)


def test_events_are_marked_by_any_of_several_kinds(columns: EventColumns) -> None:
    assert columns.are(LINE, OUTPUT).tolist() == [False, True, False, True, False]


def test_one_of_several_flags_is_enough(columns: EventColumns) -> None:
    marked = columns.have(EventFlag.RANDOM | EventFlag.VIEW)
    assert marked.tolist() == [True, False, True, True, False]


def test_the_main_thread_is_no_other_thread(columns: EventColumns) -> None:
    assert columns.are_in_threads().tolist() == [False, False, True, False, True]


def test_numbers_are_those_of_the_kind_that_have_the_flag(columns: EventColumns) -> None:
    assert columns.numbers(OP).tolist() == [0, 2, 4]
    assert columns.numbers(OP, flags=EventFlag.RANDOM).tolist() == [0]


def test_chosen_events_keep_their_fields_and_their_order(columns: EventColumns) -> None:
    chosen = columns.take(np.array([3, 1]))
    assert len(chosen) == 2
    assert chosen.kind.tolist() == [OUTPUT, LINE]
    assert chosen.input_digests.tolist() == [[6, 7], [2, 3]]


def test_a_column_is_no_copy_of_the_file(columns: EventColumns) -> None:
    assert np.shares_memory(columns.output_digests, columns.rows)


def test_some_of_some_events_are_those_that_both_choices_leave(columns: EventColumns) -> None:
    ops = columns.take(columns.are(OP))
    assert len(ops) == 3
    assert ops.take(np.array([2, 0])).thread.tolist() == [1, 0]
    assert ops.take(ops.thread != 0).input_digests.tolist() == [[4, 5], [8, 9]]
    assert ops.take(slice(1, None)).thread.tolist() == [2, 1]
    assert columns.take(slice(3, None)).take(np.array([1])).thread.tolist() == [1]
