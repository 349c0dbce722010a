"""Whether two runs computed the same, in whatever order."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.comparison.computed import count_operators, refine_classes
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run

MM, ADD = Row("mm", 1, 2, line=1), Row("add", 3, 4, line=2)
OTHER = Row("add", 5, 4, line=2)


def runs_of(folder: Path, *programs: list[Row]) -> list[Run]:
    return [make_run(folder, index, rows) for index, rows in enumerate(programs)]


def test_a_class_is_split_where_an_operator_gave_something_else(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, [MM, ADD], [MM, OTHER], [MM, ADD])
    assert refine_classes([(0, 1, 2)], runs, Interned()) == ((0, 2), (1,))


def test_the_order_of_calls_does_not_count_but_their_number_does(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, [MM, ADD], [ADD, MM], [ADD, MM, MM])
    assert refine_classes([(0, 1, 2)], runs, Interned()) == ((0, 1), (2,))


def test_runs_of_two_classes_are_never_brought_together(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, [MM], [MM])
    assert refine_classes([(1,), (0,)], runs, Interned()) == ((0,), (1,))


def test_a_run_that_is_left_out_stays_with_the_first_of_its_class(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, [OTHER], [MM], [ADD])
    left_out = frozenset({0})
    assert refine_classes([(0, 1, 2)], runs, Interned(), left_out) == ((0, 1), (2,))
    assert refine_classes([(0,)], runs, Interned(), left_out) == ((0,),)


@pytest.mark.parametrize("flag", [EventFlag.VIEW, EventFlag.UNDEFINED, EventFlag.RAISED])
def test_what_has_no_result_is_told_apart_by_its_inputs_only(
    tmp_path: Path, flag: EventFlag
) -> None:
    rows = [Row("op", 1, 2, flags=flag), Row("op", 9, 2, flags=flag), Row("op", 1, 3, flags=flag)]
    runs = runs_of(tmp_path, *([row] for row in rows))
    assert refine_classes([(0, 1, 2)], runs, Interned()) == ((0, 1), (2,))


def test_only_operators_are_counted(tmp_path: Path) -> None:
    (run,) = runs_of(tmp_path, [MM, Row("w", 1, kind=EventKind.GRADIENT), ADD])
    assert count_operators(run) == 2
