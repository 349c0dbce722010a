"""A worker reports what it is at before each cell, and leaves out what is done or not wanted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from reproaudit.atlas.cells import Cell, Request
from reproaudit.atlas.child import tasks
from reproaudit.atlas.child.material import Material
from reproaudit.atlas.child.opdb import Group

ONE, TWO, THREE = (
    Cell(device="cpu", op="op", dtype="float32", size="large", threads=count, phase="forward")
    for count in (1, 2, 3)
)


def make_group(_op: Any, _request: Request) -> list[Group]:
    cells = (ONE, TWO, THREE)
    group = Group(op=None, name="op", dtype=torch.float32, size="large", cells=cells, weight=1)
    return [group]


def list_reports(
    monkeypatch: pytest.MonkeyPatch, done: frozenset[str], wanted: frozenset[str] | None
) -> list[dict[str, Any]]:
    op = SimpleNamespace(name="op", variant_test_name="")
    material = Material(samples=2, elements=50, refusal="too large")
    monkeypatch.setattr(tasks, "choose_ops", lambda _request: [op])
    monkeypatch.setattr(tasks, "make_groups", make_group)
    monkeypatch.setattr(tasks, "make_material", lambda *_: material)
    reports: list[dict[str, Any]] = []
    tasks.sweep(Request(), done, wanted, reports.append)
    return reports


def test_each_cell_is_named_before_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    reports = list_reports(monkeypatch, frozenset({str(ONE)}), None)
    why = {"status": "not enlarged", "elements": 50, "why": "too large"}
    assert reports == [
        {"plan": {"ops": 1, "cells": 2, "unsupported": []}},
        {"at": str(TWO), "group": [str(TWO), str(THREE)]},
        {"at": str(TWO)},
        {"cell": str(TWO), **why},
        {"at": str(THREE)},
        {"cell": str(THREE), **why},
    ]


def test_only_wanted_cells_that_are_not_done_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    reports = list_reports(monkeypatch, frozenset({str(ONE)}), frozenset({str(ONE), str(THREE)}))
    assert [report["cell"] for report in reports if "cell" in report] == [str(THREE)]
