"""The sweep over workers that may die: every cell gets a record, and an accusation is looked at
again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reproaudit.atlas import sweep as sweeping
from reproaudit.atlas.cells import Request
from reproaudit.atlas.log import Log
from reproaudit.errors import ReproauditError

A, B, C = (f"cpu/op/float32/large/t{count}/forward" for count in (1, 2, 3))
PLAN = {"plan": {"ops": 1, "cells": 3, "unsupported": []}}


class Silent:
    def plan(self, ops: int, cells: int) -> None: ...

    def finish_cell(self, record: dict[str, Any]) -> None: ...

    def confirm(self, what: str, left: int) -> None: ...


class Scripted:
    """A worker that tells what the test says; the tasks that it was given are kept."""

    tasks: list[Any] = []  # noqa: RUF012 - one list for all, emptied by the fixture
    scripts: list[tuple[list[dict[str, Any]], str]] = []  # noqa: RUF012

    def __init__(self, task: Any, timeout_s: float) -> None:
        self.tasks.append(task)
        self._records, self.ended = self.scripts.pop(0)
        self.is_timed_out = self.ended.startswith("no answer")

    def records(self) -> Iterator[dict[str, Any]]:
        yield from self._records

    def read_last_words(self) -> str:
        return "ImportError: no op_db"

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *raised: object) -> None: ...


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    monkeypatch.setattr(sweeping, "Worker", Scripted)
    Scripted.tasks, Scripted.scripts = [], []
    log = Log(tmp_path / "log")
    yield log
    log.close()


def told(*records: dict[str, Any], ended: str = "") -> tuple[list[dict[str, Any]], str]:
    return [{"environment": {"torch": "x"}}, PLAN, *records], ended


def stable(cell: str) -> dict[str, Any]:
    return {"cell": cell, "status": "stable"}


def test_a_worker_that_crashes_costs_the_cell_it_was_at_and_a_fresh_one_goes_on(log: Log) -> None:
    Scripted.scripts = [
        told({"at": A}, stable(A), {"at": B}, ended="killed by SIGSEGV"),
        told({"at": C}, stable(C)),
    ]
    sweeping.sweep(Request(), log, 1.0, Silent())
    assert {name: record["status"] for name, record in log.cells.items()} == {
        A: "stable",
        B: "crashed",
        C: "stable",
    }
    assert Scripted.tasks[1]["done"] == [A, B]


def test_a_worker_that_hangs_while_it_makes_calls_costs_the_cells_that_share_them(log: Log) -> None:
    Scripted.scripts = [
        told({"at": A, "group": [A, B]}, ended="no answer for 1 s"),
        told({"at": C}, stable(C)),
    ]
    sweeping.sweep(Request(), log, 1.0, Silent())
    assert [log.cells[name]["status"] for name in (A, B, C)] == ["timed out", "timed out", "stable"]


def test_a_worker_that_dies_before_any_cell_is_an_error_with_its_last_words(log: Log) -> None:
    Scripted.scripts = [([], "ended with exit code 1")]
    with pytest.raises(ReproauditError, match=r"(?s)exit code 1.*no op_db.*atlas-worker"):
        sweeping.sweep(Request(), log, 1.0, Silent())


@pytest.mark.parametrize(
    "plan",
    [{"ops": 0, "cells": 0, "unsupported": []}, {"ops": 1, "cells": 0, "unsupported": ["a"]}],
)
def test_nothing_to_sweep_is_no_success(log: Log, plan: dict[str, Any]) -> None:
    Scripted.scripts = [([{"environment": {}}, {"plan": plan}], "")]
    with pytest.raises(ReproauditError, match="atlas-empty"):
        sweeping.sweep(Request(), log, 1.0, Silent())


def test_each_accusation_is_looked_at_once_more_even_if_a_worker_crashes_at_one(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "run_program", lambda program: (3, 20))
    for name in (A, B):
        log.add({"cell": name, "status": "differs", "call": "0"})
    log.add(stable(C))
    again = {"again": True, "program": "p"}
    Scripted.scripts = [
        ([{"at": A}], "killed by SIGKILL"),
        ([{"at": B}, {"cell": B, "confirm": again}], ""),
    ]
    sweeping.confirm_accusations(Request(), log, 1.0, Silent())
    assert [task["accused"] for task in Scripted.tasks] == [{A: "0", B: "0"}, {B: "0"}]
    assert log.cells[A]["confirm"] == {"again": False, "why": "killed by SIGKILL"}
    assert log.cells[B]["reproduced"] == (3, 20)
    sweeping.confirm_accusations(Request(), log, 1.0, Silent())
    assert len(Scripted.tasks) == 2
