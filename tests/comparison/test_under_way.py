"""A run that still goes on: when it certainly differs from an earlier one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.under_way import DifferenceWatch
from reproaudit.config.tolerance import Ignored, TensorPattern
from reproaudit.model.events import EventFlag, EventKind, Outcome, OutcomeKind
from reproaudit.trace.runs import open_run
from tests.comparison.traces import Row, make_run, open_writer, write_rows

Steps = list[list[Row]]
STOPPED = Outcome(OutcomeKind.STOPPED, 0)


def step(number: int, gradient: int, loss: int = 5, **changes: Any) -> list[Row]:
    return [
        Row("loss", loss, kind=EventKind.OUTPUT, step=number),
        replace(Row("w", gradient, kind=EventKind.GRADIENT, step=number), **changes),
    ]


def watch_steps(
    folder: Path, earlier: Steps, later: Steps, ignored: tuple[Ignored, ...] = ()
) -> tuple[list[bool], int]:
    """Return what was said after each step of `later`, and how many classes there were at the
    end."""
    interned = Interned(ignored)
    first = make_run(folder, 0, [row for rows in earlier for row in rows], STOPPED)
    has_differed = DifferenceWatch(first, interned)
    directory = folder / "run-1"
    found = [has_differed(directory)]
    writer = open_writer(directory)
    found.append(has_differed(directory))
    for number, rows in enumerate(later):
        write_rows(writer, rows)
        writer.flush(number + 1)
        found.append(has_differed(directory))
    writer.close(STOPPED, len(later))
    classes = compare_boundaries([first, open_run(directory, 1)], interned).classes
    return found[2:], len(classes)


def test_a_gradient_that_differs_shows_with_the_next_output(tmp_path: Path) -> None:
    # A program that is stopped at its steps may be stopped among the gradients of the last.
    earlier = [step(0, 1), step(1, 2), step(2, 3)]
    later = [step(0, 1), step(1, 9), step(2, 3)]
    assert watch_steps(tmp_path, earlier, later) == ([False, False, True], 2)


def test_an_output_that_differs_shows_at_once(tmp_path: Path) -> None:
    found = watch_steps(tmp_path, [step(0, 1), step(1, 2)], [step(0, 1), step(1, 2, loss=9)])
    assert found == ([False, True], 2)


def test_equal_runs_and_one_in_another_order_do_not_differ(tmp_path: Path) -> None:
    parameter = Row("p", 4, kind=EventKind.PARAMETER)
    earlier = [[*step(0, 1), parameter], [*step(1, 2), parameter], step(2, 3)]
    assert watch_steps(tmp_path / "equal", earlier, earlier) == ([False] * 3, 1)
    swapped = [[*step(0, 2), parameter], [*step(1, 1), parameter], step(2, 3)]
    assert watch_steps(tmp_path / "swapped", earlier, swapped) == ([False] * 3, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"thread": 1},
        {"flags": EventFlag.UNDIGESTED},
        {"kind": EventKind.BATCH},
        {"kind": EventKind.OUTPUT, "flags": EventFlag.INTERMEDIATE},
        {"kind": EventKind.OP},
    ],
)
def test_what_decides_nothing_ends_no_run(tmp_path: Path, changes: dict[str, Any]) -> None:
    earlier = [step(0, 1, **changes), step(1, 2, **changes), step(2, 3)]
    later = [step(0, 8, **changes), step(1, 9, **changes), step(2, 3)]
    found, _ = watch_steps(tmp_path, earlier, later)
    assert found == [False] * 3


def test_what_is_ignored_ends_no_run(tmp_path: Path) -> None:
    ignored = (Ignored(TensorPattern("gradient:w"), "it is noise"),)
    earlier, later = [step(0, 1), step(1, 2)], [step(0, 8), step(1, 9)]
    assert watch_steps(tmp_path / "all", earlier, later) == ([False, True], 2)
    assert watch_steps(tmp_path / "ignored", earlier, later, ignored) == ([False, False], 1)
