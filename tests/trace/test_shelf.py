"""Of many runs the contents of a few are in memory; those of the others are read again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from reproaudit.errors import TraceError
from reproaudit.trace.reader import Trace
from reproaudit.trace.records import EVENT
from reproaudit.trace.runs import Run, open_run
from reproaudit.trace.schema import EVENTS_FILE
from reproaudit.trace.shelf import Shelf
from tests.comparison.traces import Row, make_run, make_run_of_ranks


def put_aside(folder: Path, shelf: Shelf) -> None:
    """Have the shelf let go of what it holds, for runs that are opened later."""
    for index in range(90, 92):
        open_run(make_run(folder, index, [Row("other")]).main.directory, index, shelf)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose contents a shelf of two runs has let go of."""
    shelf = Shelf(most_runs=2)
    rows = [Row("aten::mm", 7, line=3), Row("aten::add", 8, line=4)]
    found = open_run(make_run(tmp_path, 0, rows).main.directory, 0, shelf)
    put_aside(tmp_path, shelf)
    return found


def test_what_was_let_go_of_is_read_again_when_it_is_asked_for(run: Run) -> None:
    whole = Trace.open(run.main.directory)
    assert np.array_equal(run.main.events, whole.events)
    assert run.main.strings == whole.strings
    assert run.main.locations == whole.locations
    assert [op.name for op in run.main.operations()] == ["aten::mm", "aten::add"]


def test_what_is_held_is_not_read_again(tmp_path: Path) -> None:
    shelf = Shelf(most_runs=2)
    run = open_run(make_run(tmp_path, 0, [Row("a", 7)]).main.directory, 0, shelf)
    shutil.rmtree(run.main.directory)
    assert len(run.main.events) == 1


def test_a_run_that_is_used_again_is_not_the_next_to_go(tmp_path: Path) -> None:
    shelf = Shelf(most_runs=2)
    folders = [make_run(tmp_path, index, [Row("a")]).main.directory for index in range(3)]
    first = open_run(folders[0], 0, shelf)
    second = open_run(folders[1], 1, shelf)
    assert len(first.main.events) == 1
    open_run(folders[2], 2, shelf)
    for folder in folders:
        shutil.rmtree(folder)
    assert len(first.main.events) == 1
    with pytest.raises(TraceError, match="there is no such file"):
        len(second.main.events)


def test_the_traces_of_one_run_are_held_together(tmp_path: Path) -> None:
    shelf = Shelf(most_runs=1)
    ranks = make_run_of_ranks(tmp_path, 0, [[Row("a", rank)] for rank in range(5)])
    assert ranks.launcher is not None
    run = open_run(ranks.launcher.directory, 0, shelf)
    shutil.rmtree(ranks.launcher.directory)
    assert [len(trace.events) for _, trace in run.traces] == [1] * 5


def test_how_many_events_there_are_is_known_of_what_is_not_held(run: Run) -> None:
    shutil.rmtree(run.main.directory)
    assert run.events == 2


def test_events_that_came_later_are_none_of_the_trace_that_was_opened(run: Run) -> None:
    with (run.main.directory / EVENTS_FILE).open("ab") as file:
        file.write(run.main.directory.joinpath(EVENTS_FILE).read_bytes())
    assert len(run.main.events) == 2


def test_a_trace_that_became_shorter_is_refused_by_name(run: Run) -> None:
    path = run.main.directory / EVENTS_FILE
    path.write_bytes(path.read_bytes()[: EVENT.itemsize])
    with pytest.raises(TraceError, match="it has become shorter since the trace was opened"):
        len(run.main.events)
