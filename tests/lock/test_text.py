"""The lock as text: nothing is lost, and a change of one fact changes one line."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from reproaudit.lock.model import Entry, Lock
from reproaudit.lock.parse import from_text
from reproaudit.lock.text import to_text
from tests.lock.locks import ENTRY, LOCK, RUN, op, tensor

TEXT = to_text(LOCK)


def test_a_lock_read_back_is_the_lock_that_was_written() -> None:
    assert from_text(TEXT, "x") == LOCK
    assert to_text(from_text(TEXT, "x")) == TEXT


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
@example("-", " %2D", ["<<<<<<< x", "", "\udcff", "\u2028"])
def test_no_text_is_changed_by_being_written_and_read(
    name: str, value: str, arguments: list[str]
) -> None:
    run = replace(
        RUN,
        environment=((name, value),),
        changes=((value, name),),
        files=((name, "0" * 16),),
        tensors=(tensor(value, tensor=name, value=value, process=name),),
        operators_total=1,
        operators=(op("x", module=value, path=name, op=value, process=name),),
    )
    lock = Lock((Entry(value, tuple(arguments), (name,), runs=(run,)),))
    assert from_text(to_text(lock), "x") == lock


def test_a_line_that_moves_changes_only_the_lines_of_its_operators() -> None:
    moved = replace(RUN, operators=(replace(RUN.operators[0], line=8), *RUN.operators[1:]))
    other = to_text(Lock((replace(ENTRY, runs=(moved,)),))).split("\n")
    same = to_text(Lock((replace(ENTRY, runs=(RUN,)),))).split("\n")
    assert [(a, b) for a, b in zip(same, other, strict=True) if a != b] == [
        (
            "  data      outside  000000b0 aten::lift_fresh train.py:7 -",
            "  data      outside  000000b0 aten::lift_fresh train.py:8 -",
        )
    ]


def test_the_cell_of_a_notebook_is_written_and_read() -> None:
    run = replace(RUN, operators_total=1, operators=(op("x", cell=4),))
    lock = Lock((replace(ENTRY, runs=(run,)),))
    assert from_text(to_text(lock), "x") == lock
