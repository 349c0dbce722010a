"""Runs of many ranks of which some left no trace, or that of another run. No program is run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from reproaudit.config.tolerance import Tolerances
from reproaudit.errors import TraceError
from reproaudit.experiment.offline import compare_traces
from reproaudit.model.events import EventKind, Outcome, OutcomeKind, Unchecked
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.trace.facts import ProcessFacts
from reproaudit.trace.schema import EVENTS_FILE, RUN_FILE
from tests.comparison.traces import Row, make_run_of_ranks
from tests.trace.sample import new_writer, op

RANKS = 64
DONE = Outcome(OutcomeKind.COMPLETED, 0)


def rows_of(ranks: int) -> list[Sequence[Row]]:
    names = ("weight", "bias")
    return [
        [Row(name, rank + 1, kind=EventKind.GRADIENT) for name in names] for rank in range(ranks)
    ]


def compare(folder: Path, *names: str) -> AuditResult:
    return compare_traces([folder / name for name in names], Tolerances())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two equal runs of 64 ranks, and one of 63."""
    folder = tmp_path_factory.mktemp("recorded")
    make_run_of_ranks(folder, 0, rows_of(RANKS))
    make_run_of_ranks(folder, 1, rows_of(RANKS))
    make_run_of_ranks(folder, 2, rows_of(RANKS - 1))
    return folder


@pytest.fixture
def folder(tmp_path: Path, recorded: Path) -> Path:
    """The same, and a folder `copy` of the second run that may be spoilt."""
    for name in ("run-0", "run-2"):
        (tmp_path / name).symlink_to(recorded / name)
    shutil.copytree(recorded / "run-1", tmp_path / "copy")
    return tmp_path


def test_many_equal_ranks_are_reproducible(folder: Path) -> None:
    result = compare(folder, "run-0", "copy")
    assert result.verdict is Verdict.REPRODUCIBLE
    assert result.headline == f"2 runs are bitwise equal: {2 * RANKS} gradients"


def test_a_rank_whose_trace_is_not_there_is_no_divergence(folder: Path) -> None:
    shutil.rmtree(folder / "copy" / "child-7")
    result = compare(folder, "run-0", "copy")
    assert result.verdict is Verdict.NOT_AUDITED
    (note,) = (note for note in result.not_checked if note.code is Unchecked.TRACE_DAMAGED)
    assert note.what == "process rank-7 of trace 1"


def test_a_run_of_another_world_is_no_divergence(folder: Path) -> None:
    with pytest.raises(TraceError, match="world-changed"):
        compare(folder, "run-0", "run-2")


def test_a_trace_of_another_world_among_the_others_is_named(folder: Path) -> None:
    shutil.rmtree(folder / "copy" / "child-9")
    shutil.copytree(folder / "run-2" / "child-9", folder / "copy" / "child-9")
    with pytest.raises(
        TraceError, match=r"rank 9 of trace 1 is one of 63, and its other ranks are of 64"
    ):
        compare(folder, "run-0", "copy")


@pytest.mark.parametrize("spoilt", [EVENTS_FILE, RUN_FILE])
def test_a_rank_that_cannot_be_read_whole_is_told_of_and_nothing_is_passed(
    folder: Path, spoilt: str
) -> None:
    file = folder / "copy" / "child-9" / spoilt
    file.write_bytes(file.read_bytes()[:-10])
    result = compare(folder, "run-0", "copy")
    assert result.verdict is Verdict.NOT_AUDITED
    damaged = [note.what for note in result.not_checked if note.code is Unchecked.TRACE_DAMAGED]
    assert damaged
    assert all("9" in what for what in damaged)


def test_ranks_of_other_machines_are_named_as_not_compared(tmp_path: Path) -> None:
    for index in (0, 1):
        make_run_of_ranks(tmp_path, index, rows_of(2), world=8)
    result = compare(tmp_path, "run-0", "run-1")
    assert result.verdict is Verdict.REPRODUCIBLE
    (note,) = (note for note in result.not_checked if note.code is Unchecked.RANKS_ABSENT)
    assert note.what == "ranks 2 to 7 of 8"


def test_a_launcher_may_go_on_with_fewer_ranks(tmp_path: Path) -> None:
    for index in (0, 1):
        run = tmp_path / f"run-{index}"
        make_run_of_ranks(tmp_path, index, rows_of(3))
        for rank in range(2):
            facts = ProcessFacts(rank=rank, world=2, restart=1)
            writer = new_writer(run / f"child-later-{rank}", process=facts)
            op(writer)
            writer.close(DONE, 1)
    assert compare(tmp_path, "run-0", "run-1").verdict is Verdict.REPRODUCIBLE
