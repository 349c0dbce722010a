"""A plugin of pytest that marks every test `reproducible`, or none, and notes how each one ended.

`-p marking`, with the file to write in MARKING_OUT; MARKING_MARKS=1 marks. What was noted is
written after every test, so that a session that is ended leaves what it has done.
"""

from __future__ import annotations

import json
import os
import time
import unittest
from pathlib import Path
from typing import Any

import pytest

_MARKS = os.environ.get("MARKING_MARKS") == "1"


class _Notes:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._started_s = 0.0
        self._notes: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._started_s = time.perf_counter()
        self._notes[nodeid] = {"outcome": "passed", "results": [], "said": ""}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        note = self._notes[report.nodeid]
        if report.failed or (report.skipped and note["outcome"] == "passed"):
            note["outcome"] = report.outcome
            note["said"] = report.longreprtext[-2000:]
        note["results"] += [summarise(text) for text in getattr(report, "reproaudit", ())]

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._notes[nodeid]["seconds"] = time.perf_counter() - self._started_s
        self._path.write_text(json.dumps(self._notes, indent=1))


def summarise(text: str) -> dict[str, Any]:
    """Return what counts of one result.json."""
    result = json.loads(text)
    return {
        "verdict": result["verdict"],
        "headline": result["headline"],
        "runs": result["runs"],
        "causes": [finding["cause"] for finding in result["findings"]],
        "fixes": [_name_fix(finding["fix"]) for finding in result["findings"]],
    }


def _name_fix(fix: dict[str, Any] | None) -> str:
    if not fix:
        return ""
    names = ", ".join(fix["settings"])
    return f"{names} (verified)" if fix["verified"] else names


def pytest_configure(config: pytest.Config) -> None:
    """Note how each test ends."""
    config.pluginmanager.register(_Notes(Path(os.environ["MARKING_OUT"])), "marking-notes")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what can be marked: plain test functions and methods."""
    for item in items:
        is_plain = isinstance(item, pytest.Function) and not (
            item.cls is not None and issubclass(item.cls, unittest.TestCase)
        )
        if _MARKS and is_plain:
            item.add_marker(pytest.mark.reproducible)
