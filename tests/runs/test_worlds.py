"""Runs that are compared have the same ranks."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.errors import SubjectError, TraceError
from reproaudit.runs.worlds import mark_missing_ranks, require_same_world, require_same_worlds
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run, make_run_of_ranks

ROWS = [Row("aten::mm.default")]


def make_ranks(folder: Path, index: int, count: int, world: int = 0) -> Run:
    return make_run_of_ranks(folder, index, [ROWS] * count, world=world)


def test_a_world_that_changes_between_runs_is_an_error(tmp_path: Path) -> None:
    world = require_same_world(0, make_ranks(tmp_path, 0, 2), "run-0")
    assert world == 2
    with pytest.raises(SubjectError, match="run-1 has 3 ranks and the runs before it had 2") as one:
        require_same_world(world, make_ranks(tmp_path, 1, 3), "run-1")
    assert one.value.code == "world-changed"


def test_a_run_that_ended_before_it_had_ranks_is_of_no_other_world(tmp_path: Path) -> None:
    assert require_same_world(2, make_run(tmp_path, 0, ROWS), "run-1") == 2


def test_traces_of_different_worlds_are_not_compared(tmp_path: Path) -> None:
    alone = make_run(tmp_path / "alone", 1, ROWS)
    require_same_worlds([alone, make_ranks(tmp_path, 0, 2), alone])
    with pytest.raises(TraceError, match="trace 0 is of 2 ranks, and trace 2 of 3"):
        require_same_worlds([make_ranks(tmp_path / "a", 0, 2), make_ranks(tmp_path / "b", 2, 3)])


def test_a_rank_that_only_one_trace_has_may_have_been_lost(tmp_path: Path) -> None:
    runs = [make_ranks(tmp_path, 0, 3), make_ranks(tmp_path, 1, 2, world=3)]
    whole, cut = mark_missing_ranks(runs)
    assert (whole.unreadable, cut.unreadable) == ((), ("rank-2",))
    assert cut.lacks_events


def test_a_trace_without_its_first_rank_is_refused(tmp_path: Path) -> None:
    runs = [make_ranks(tmp_path, 0, 2), make_ranks(tmp_path, 1, 2)]
    without = Run(1, (("rank-1", runs[1].traces[1][1]),))
    with pytest.raises(TraceError, match="rank 0 of trace 1 is missing"):
        mark_missing_ranks([runs[0], without])


def test_processes_that_are_no_ranks_lack_none(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, 0, ROWS), make_ranks(tmp_path, 1, 2)]
    assert [run.unreadable for run in mark_missing_ranks(runs)] == [(), ()]
