"""Which files carry something from one run to a later one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from reproaudit.comparison.files import CarriedFile, carried_files
from reproaudit.model.events import Location, Outcome, OutcomeKind, Phase
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.runs import Run, open_run
from reproaudit.trace.words import Access
from reproaudit.trace.writer import TraceWriter


@dataclass(frozen=True)
class Use:
    access: Access
    line: int
    content: int = 0
    path: str = "/srv/state"


READ, READ_OTHER, ABSENT, WRITE = (
    Use(Access.READ, 3, 7),
    Use(Access.READ, 3, 8),
    Use(Access.ABSENT, 3),
    Use(Access.WRITE, 9),
)


def write_trace(folder: Path, uses: list[Use]) -> None:
    writer = TraceWriter(
        folder,
        level="operation",
        subject="train.py",
        command=[],
        settings={},
        environment={},
        version="0",
        values_budget=0,
    )
    for use in uses:
        writer.add_file(
            at=Moment(Phase.DATA, 0, writer.location("train.py", use.line, "main")),
            shown=use.path.rpartition("/")[2],
            path=use.path,
            access=use.access,
            content=(use.content, 0),
        )
    writer.close(Outcome(OutcomeKind.COMPLETED, 0), 1)


@pytest.fixture
def make(tmp_path: Path):  # type: ignore[no-untyped-def]
    def make(*runs: list[Use], child: list[Use] | None = None) -> list[Run]:
        for index, uses in enumerate(runs):
            write_trace(tmp_path / str(index), uses)
        if child is not None:
            write_trace(tmp_path / str(len(runs) - 1) / "child-1", child)
        return [open_run(tmp_path / str(index), index) for index in range(len(runs))]

    return make


def carried(written: int | None, *, differed: bool) -> CarriedFile:
    place = None if written is None else Location("train.py", written, "main")
    return CarriedFile("state", Location("train.py", 3, "main"), place, differed)


def test_what_one_run_wrote_and_the_next_read_is_carried(make) -> None:  # type: ignore[no-untyped-def]
    assert carried_files(make([WRITE], [READ])) == [carried(9, differed=False)]


def test_a_file_that_was_missing_and_then_read_is_carried_whoever_wrote_it(make) -> None:  # type: ignore[no-untyped-def]
    assert carried_files(make([ABSENT], [READ])) == [carried(None, differed=True)]
    assert carried_files(make([ABSENT, WRITE], [READ])) == [carried(9, differed=True)]


def test_content_that_changed_from_run_to_run_is_told(make) -> None:  # type: ignore[no-untyped-def]
    assert carried_files(make([READ, WRITE], [READ_OTHER, WRITE])) == [carried(9, differed=True)]
    assert carried_files(make([READ, WRITE], [READ, WRITE])) == [carried(9, differed=False)]


def test_a_run_that_writes_before_it_reads_carries_nothing(make) -> None:  # type: ignore[no-untyped-def]
    assert carried_files(make([WRITE, READ], [WRITE, READ_OTHER])) == []


def test_files_that_no_run_writes_carry_nothing(make) -> None:  # type: ignore[no-untyped-def]
    assert carried_files(make([READ], [READ])) == []


def test_files_of_one_name_in_two_folders_are_two_files(make) -> None:  # type: ignore[no-untyped-def]
    assert (
        carried_files(
            make([Use(Access.WRITE, 9, path="/a/state")], [Use(Access.READ, 3, path="/b/state")])
        )
        == []
    )


def test_a_later_run_carries_nothing_to_an_earlier_one(make) -> None:  # type: ignore[no-untyped-def]
    assert carried_files(make([READ], [WRITE])) == []


def test_what_a_child_reads_of_its_parents_file_may_be_fresh(make) -> None:  # type: ignore[no-untyped-def]
    assert carried_files(make([WRITE], [WRITE], child=[READ])) == []
    assert carried_files(make([WRITE], [], child=[READ])) == [carried(9, differed=False)]
