"""What the table of public test suites counts as an alarm, and what it says of one."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def suites(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("marked_suites")


def make_note(outcome: str, *verdicts: str, seconds: float = 1.0) -> dict[str, Any]:
    results = [{"verdict": verdict, "headline": "they differ"} for verdict in verdicts]
    return {"outcome": outcome, "seconds": seconds, "said": "", "results": results}


def test_a_test_that_fails_plainly_too_is_no_alarm(suites: ModuleType) -> None:
    tests = [
        suites.Test("a", make_note("passed"), make_note("failed", "not-reproducible")),
        suites.Test("b", make_note("failed"), make_note("failed")),
        suites.Test("c", make_note("passed"), make_note("passed", "reproducible", seconds=3.0)),
        suites.Test("d", make_note("passed"), make_note("passed", "not-audited", seconds=5.0)),
    ]
    suite = suites.Suite("one", "us/one", "0" * 40, ("tests",), {}, {}, {}, {})
    found = suites.summarise(suite, tests)
    assert (found["alarms_not_judged"], found["reproducible"], found["empty"]) == (1, 1, 1)
    assert (found["ratio"], found["median_ratio"]) == (4.0, 4.0)
    assert found["skipped_or_failing_plainly"] == 1


def test_every_alarm_that_was_judged_has_a_reason(suites: ModuleType) -> None:
    described = suites.read_suites()
    assert len(described) >= 4
    for suite in described.values():
        assert len(suite.commit) == 40
        for judged in suite.alarms.values():
            assert judged["truth"] in ("true", "false")
            assert judged["reason"]
