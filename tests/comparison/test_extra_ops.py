"""Ops that one of two runs makes alone, and what they changed. Traces are made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reproaudit.comparison.extra_ops import ExtraOpsOfPair
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import EventFlag
from tests.comparison.traces import Row, make_run

SHUFFLE, VALIDATION, FORWARD = 24, 31, 40


def draw(content: int, state: int, line: int, flags: EventFlag = EventFlag.RANDOM) -> Row:
    return Row("aten::randperm.default", content, line=line, flags=flags, aux=state)


def compute(content: int, read: int, line: int = FORWARD, name: str = "aten::mul.Tensor") -> Row:
    return Row(name, content, read, line=line)


def align(folder: Path, a: Sequence[Row], b: Sequence[Row]) -> ExtraOpsOfPair:
    runs = [make_run(folder, number, rows) for number, rows in enumerate((a, b))]
    return ExtraOpsOfPair(runs[0], runs[1], "", Interned())


def test_the_draw_that_one_run_makes_alone_is_found_on_either_side(tmp_path: Path) -> None:
    before = [draw(1, 1, SHUFFLE), compute(2, 1)]
    extra = [compute(8, 8, VALIDATION), draw(9, 2, VALIDATION)]
    longer = [*before, *extra, draw(3, 3, SHUFFLE)]
    shorter = [*before, draw(4, 2, SHUFFLE)]
    for number, (a, b) in enumerate(((longer, shorter), (shorter, longer))):
        found = align(tmp_path / str(number), a, b).find_draw(len(a) - 1)
        assert found is not None
        assert found.location.line == VALIDATION


def test_a_draw_from_a_generator_of_its_own_moves_no_other_stream(tmp_path: Path) -> None:
    own = EventFlag.RANDOM | EventFlag.OWN_GENERATOR
    a = [draw(1, 1, SHUFFLE), draw(3, 3, SHUFFLE)]
    b = [draw(1, 1, SHUFFLE), draw(9, 7, VALIDATION, own), draw(4, 2, SHUFFLE)]
    assert align(tmp_path, a, b).find_draw(1) is None


def test_a_draw_before_both_last_drew_alike_is_not_to_blame(tmp_path: Path) -> None:
    a = [draw(1, 1, SHUFFLE), draw(3, 3, SHUFFLE)]
    b = [draw(9, 9, VALIDATION), draw(1, 1, SHUFFLE), draw(4, 2, SHUFFLE)]
    assert align(tmp_path, a, b).find_draw(1) is None


def test_ops_that_write_are_preferred_to_later_ones_that_only_compute(tmp_path: Path) -> None:
    common = [compute(1, 1), compute(2, 1)]
    written = [
        Row("aten::lift_fresh.default", 7, line=30, flags=EventFlag.BIRTH),
        compute(7, 7, 31, "aten::copy_.default"),
    ]
    logged = [compute(5, 5, 50, "aten::mean.default")]
    a = [*common, compute(3, 2)]
    b = [common[0], *written, common[1], *logged, compute(4, 3)]
    block = align(tmp_path, a, b).find_block(2)
    assert block is not None
    assert block.overwrites is not None
    assert (block.first.location.line, block.overwrites.location.line) == (30, 31)
    assert block.brings_in


def test_a_view_in_place_writes_over_nothing(tmp_path: Path) -> None:
    a = [compute(1, 1), compute(3, 2)]
    view = Row("aten::unsqueeze_.default", line=30, flags=EventFlag.VIEW)
    block = align(tmp_path, a, [compute(1, 1), view, compute(4, 3)]).find_block(1)
    assert block is not None
    assert block.overwrites is None


def test_a_copy_of_known_content_is_found_and_one_of_other_content_is_not(tmp_path: Path) -> None:
    a = [compute(1, 1), compute(3, 1)]
    for number, content in enumerate((1, 6)):
        copied = compute(content, 1, 19, "aten::_to_copy.default")
        pair = align(tmp_path / str(number), a, [compute(1, 1), copied, compute(4, 1)])
        found = pair.find_copy(1)
        assert (found is not None) is (content == 1)


def test_the_same_op_called_more_often_is_told_from_an_op_that_one_run_lacks(
    tmp_path: Path,
) -> None:
    a = [compute(1, 1), compute(2, 1)]
    again = align(tmp_path / "again", a, [*a, compute(3, 2)])
    other = align(tmp_path / "other", a, [*a, compute(3, 2, VALIDATION)])
    assert (again.have_other_counts(), other.have_other_counts()) == (True, False)
