"""Runs of different lengths are compared as far as all of them go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reproaudit.comparison.beginnings import begin_differently, count_alike
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import EventKind, Outcome, OutcomeKind
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run


def stepping_run(folder: Path, index: int, contents: Sequence[int], left: int = 0) -> Run:
    """Give a run with one gradient a step, and `left` as a parameter that it leaves."""
    rows = [
        Row("weight", content, kind=EventKind.GRADIENT, step=step)
        for step, content in enumerate(contents)
    ]
    outcome = None
    if left:
        rows.append(Row("weight", left, kind=EventKind.FINAL, step=len(contents)))
    else:
        outcome = Outcome(OutcomeKind.STOPPED, 0)
    return make_run(folder, index, rows, outcome, steps=len(contents))


def test_a_shorter_run_is_alike_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = stepping_run(tmp_path, 0, [1, 2, 3, 4], left=9)
    assert not begin_differently(whole, stepping_run(tmp_path, 1, [1, 2]), Interned())
    assert begin_differently(whole, stepping_run(tmp_path, 2, [1, 5]), Interned())


def test_what_a_run_leaves_is_no_part_of_its_beginning(tmp_path: Path) -> None:
    short = stepping_run(tmp_path, 0, [1, 2], left=7)
    assert not begin_differently(short, stepping_run(tmp_path, 1, [1, 2, 3], left=8), Interned())


def test_runs_are_counted_by_their_beginnings_where_their_lengths_differ(tmp_path: Path) -> None:
    made = [[1, 2, 3], [1, 5, 6], [1, 2], [1, 7]]
    runs = [stepping_run(tmp_path, index, contents) for index, contents in enumerate(made)]
    assert count_alike(runs, Interned()) == [2, 1, 1]


def test_runs_of_one_length_are_counted_by_all_that_they_left(tmp_path: Path) -> None:
    made = [7, 8, 7]
    runs = [stepping_run(tmp_path, index, [1], left) for index, left in enumerate(made)]
    # Numbers of runs may come twice: those that recorded operators have numbers of their own.
    runs.append(stepping_run(tmp_path / "recorded", 0, [1], 9))
    assert count_alike(runs, Interned()) == [2, 1, 1]


def test_a_run_that_was_stopped_before_others_part_is_like_none_of_them(tmp_path: Path) -> None:
    made = [([1, 2, 3], 9), ([1, 2], 9), ([1], 0), ([1], 0), ([1, 2, 3, 4], 0)]
    runs = [stepping_run(tmp_path, index, *how) for index, how in enumerate(made)]
    # The first two end after another number of steps, and the last goes on past their ends.
    assert count_alike(runs, Interned()) == [1, 1, 1]


def test_what_whole_runs_left_tells_them_apart_beside_shorter_ones(tmp_path: Path) -> None:
    made = [([1, 2], 7), ([1, 2], 8), ([1, 2], 8), ([1, 5], 0)]
    runs = [stepping_run(tmp_path, index, *how) for index, how in enumerate(made)]
    assert count_alike(runs, Interned()) == [1, 2, 1]
