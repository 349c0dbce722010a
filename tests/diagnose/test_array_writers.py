"""Which line writes an array that a thread shares with a tensor. No program is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from reproaudit.comparison.localise import Origin, Source
from reproaudit.diagnose import array_writers
from reproaudit.diagnose.array_writers import ArrayWriters
from reproaudit.diagnose.pinning import FoundSource
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import Explanation
from reproaudit.errors import SubjectError
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, EventKind, Location, Phase
from reproaudit.model.result import Finding
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import MAIN_PROCESS, Run
from tests.comparison.traces import Row, make_run

MADE = Location("train.py", 25, "main")
READ = Location("train.py", 32, "main")
RACE = Finding("", Cause.THREAD_RACE, "", Phase.DATA, 0, op="aten::addmm", location=MADE)
SOURCE = Source(Origin.INPUT, MAIN_PROCESS, 0, 0, 0, made_at=MADE)
IN_OP = replace(SOURCE, origin=Origin.OP, made_at=None)


def write(line: int, thread: int = 1) -> Row:
    flag = EventFlag.OUTSIDE_WRITE
    return Row("buf", line, kind=EventKind.LINE, flags=flag, line=line, thread=thread)


class FakeLab:
    steps: int | None = 10

    def __init__(self, folder: Path, rows: Sequence[Row] | None) -> None:
        self.folder = folder
        self.rows = rows
        self.made: list[RunRequest] = []

    def run(self, request: RunRequest) -> Run:
        self.made.append(request)
        if self.rows is None:
            raise SubjectError("it failed", code="subject-failed")
        return make_run(self.folder / request.name, request.index, self.rows)


def place(
    folder: Path,
    rows: Sequence[Row] | None,
    *,
    finding: Finding = RACE,
    source: Source = SOURCE,
) -> tuple[Finding | None, FakeLab]:
    explained = Explanation(finding, source, arrival=READ)
    known = FoundSource(explained, cast(RunPair, None), None, ())
    lab = FakeLab(folder, rows)
    return ArrayWriters(cast(RunMaker, lab)).place(finding, known), lab


def test_the_first_line_of_a_thread_that_writes_the_array_is_named(tmp_path: Path) -> None:
    count = Row("k", 5, kind=EventKind.LINE, line=10, thread=1)
    of_main = write(40, thread=0)
    placed, lab = place(tmp_path, [of_main, count, write(11), write(12), write(11)])
    assert placed is not None
    assert (placed.op, placed.location) == (None, Location("train.py", 11, "main"))
    assert placed.evidence.notes == (
        "a thread writes an array there, and its memory is read by aten::addmm at train.py:32 in "
        "main; it also writes at train.py:12 in main",
    )
    (request,) = lab.made
    assert (request.lines, request.steps, request.interventions) == (True, 2, ())


def test_an_array_may_be_written_while_an_op_reads_it(tmp_path: Path) -> None:
    finding = replace(RACE, location=READ)
    placed, _ = place(tmp_path, [write(11)], finding=finding, source=IN_OP)
    assert placed is not None
    assert placed.location == Location("train.py", 11, "main")
    (note,) = placed.evidence.notes
    assert note.endswith("its memory is read by aten::addmm at train.py:32 in main")


def test_of_writers_in_several_functions_none_is_accused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = (Location("train.py", 11, "drift"), Location("train.py", 18, "feed"))
    monkeypatch.setattr(array_writers, "list_array_writes", lambda run: places)
    placed, _ = place(tmp_path, [write(11)])
    assert placed is not None
    assert (placed.op, placed.location) == (RACE.op, MADE)
    note = "threads write arrays at train.py:11 in drift, train.py:18 in feed"
    assert placed.evidence.notes == (note,)


@pytest.mark.parametrize("rows", [[], [write(40, thread=0)], None])
def test_where_no_thread_was_seen_to_write_the_finding_stays(
    tmp_path: Path, rows: Sequence[Row] | None
) -> None:
    placed, _ = place(tmp_path, rows)
    assert placed is None


@pytest.mark.parametrize(
    ("finding", "source"),
    [
        (replace(RACE, cause=Cause.KERNEL), SOURCE),
        (RACE, replace(SOURCE, written_by="aten::add_")),
        (RACE, replace(SOURCE, made_at=None)),
        (replace(RACE, op="aten::add_.Tensor"), IN_OP),
        (replace(RACE, op="aten::mm.out"), IN_OP),
    ],
)
def test_no_line_is_followed_for_another_kind_of_race(
    tmp_path: Path, finding: Finding, source: Source
) -> None:
    placed, lab = place(tmp_path, [write(11)], finding=finding, source=source)
    assert placed is None
    assert lab.made == []
