"""The table of budgets that `make bench` leaves: what was not measured is never met."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def budgets(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("budgets")


def test_what_was_not_measured_is_not_met(budgets: ModuleType) -> None:
    said: list[str] = []
    assert budgets.judge({}, said.extend) == len(budgets.BUDGETS)
    assert sum("| not measured | no |" in line for line in said) == len(budgets.BUDGETS)


@pytest.mark.parametrize(
    ("at_least", "value", "met"),
    [(False, 1.05, True), (False, 1.051, False), (True, 1.05, True), (True, 1.049, False)],
)
def test_a_budget_is_met_up_to_its_bound_and_no_further(
    budgets: ModuleType, at_least: bool, value: float, met: bool
) -> None:
    budget = budgets.Budget("x", 1.05, "recording", "figure", at_least=at_least)
    line, is_met = budgets.row(budget, {"recording": {"figure": value}})
    assert is_met is met
    assert f"{value:.3f}" in line


def test_figures_are_read_from_where_the_benchmarks_leave_them(
    budgets: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "hostile.json").write_text(json.dumps({"cut": 0.5, "flipped": 1.5}))
    (tmp_path / "digest_speed.md").write_text(
        "  digest                  22.65 GB/s\n  digest / baseline                    0.70\n"
    )
    found = budgets.read(tmp_path)
    assert found["hostile"]["slowest"] == 1.5
    assert found["digest_speed"] == {"digest / baseline": 0.70}


def test_every_budget_names_a_benchmark_that_is_run(budgets: ModuleType) -> None:
    bench = importlib.import_module("bench")
    assert {budget.benchmark for budget in budgets.BUDGETS} <= set(bench.BENCHMARKS)
    assert all((ROOT / "benchmarks" / f"{name}.py").is_file() for name in bench.BENCHMARKS)
