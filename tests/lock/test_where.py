"""Draws that stand before others: what became of the random stream is told by its lines."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.lock.model import LockedOp
from reproaudit.lock.where import Where, WhereKind, find_first_difference
from tests.lock.locks import op, run_with


def draw(text: str, state: str, outputs: str, line: int) -> LockedOp:
    return op("uniform_", "0", outputs, generator=state, text=text, line=line, module="")


STEM, HEAD = draw("stem", "s0", "a0", 10), draw("head", "s1", "a1", 11)
USE = op("addmm", "b0", "b1")


def find(now: tuple[LockedOp, ...], before: tuple[LockedOp, ...] = (STEM, HEAD, USE)) -> Where:
    found = find_first_difference(run_with(*before), run_with(*now))
    assert found is not None
    return found


def test_a_new_line_that_draws_is_why_later_draws_are_others() -> None:
    new = draw("unused", "s1", "c0", 11)
    later = draw("head", "s2", "c1", 12)
    where = find((STEM, new, later, op("addmm", "b9", "b8")))
    assert (where.kind, where.locked, where.now) == (WhereKind.NEW_DRAW, (), (new,))


def test_a_line_that_draws_more_often_or_no_more_is_told_from_a_new_one() -> None:
    again = draw("stem", "s1", "c0", 10)
    later = draw("head", "s2", "c1", 11)
    where = find((STEM, again, later, USE))
    assert (where.kind, where.now) == (WhereKind.MORE_DRAWS, (again,))
    where = find((draw("head", "s0", "c1", 10), USE))
    assert (where.kind, where.locked) == (WhereKind.FEWER_DRAWS, (STEM,))


def test_another_seed_is_no_shift() -> None:
    where = find((draw("stem", "t0", "c0", 10), draw("head", "t1", "c1", 11), USE))
    assert (where.kind, where.now[0].text) == (WhereKind.RANDOM, "stem")


def test_an_edited_line_is_another_argument_and_no_new_line() -> None:
    wider = draw("stem, wider", "s0", "c0", 10)
    where = find((wider, draw("head", "s2", "c1", 11), USE))
    assert (where.kind, where.locked, where.now) == (WhereKind.ARGUMENT, (STEM,), (wider,))


def test_a_difference_before_the_new_line_comes_first() -> None:
    changed = op("addmm", "b0", "b9")
    where = find((changed, STEM, draw("new", "s1", "c0", 11)), before=(USE, STEM))
    assert (where.kind, where.now) == (WhereKind.RESULT, (changed,))


def test_an_edited_line_that_draws_what_it_drew_is_no_difference() -> None:
    renamed = replace(STEM, text="trunk")
    before = run_with(STEM, HEAD, USE)
    assert find_first_difference(before, run_with(renamed, HEAD, USE)) is None
    new = draw("new", "s1", "c0", 11)
    where = find((renamed, new, draw("head", "s2", "c1", 12), USE))
    assert (where.kind, where.now) == (WhereKind.NEW_DRAW, (new,))
