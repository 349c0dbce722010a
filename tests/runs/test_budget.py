"""What a diagnosis may spend."""

from __future__ import annotations

import time

import pytest

from reproaudit.runs.budget import Budget, BudgetSpent, RunsSpent, Spending


def test_nothing_is_bounded_before_the_budget_begins_to_count() -> None:
    Spending(Budget(runs=0, seconds=0)).check(1000)


def test_the_run_past_the_budget_is_refused_and_earlier_runs_cost_nothing() -> None:
    spending = Spending(Budget(runs=2))
    spending.start(runs_made=5)
    spending.check(runs_made=6)
    with pytest.raises(RunsSpent):
        spending.check(runs_made=7)


def test_time_counts_from_the_clock_on_and_binds_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    spending = Spending(Budget(seconds=60))
    spending.start_clock()
    now = 1050.0
    spending.check(runs_made=1)
    assert (spending.measure_left(), spending.cut(None), spending.cut(5.0)) == (None, None, 5.0)
    spending.bound_time()
    assert (spending.measure_left(), spending.cut(None), spending.cut(5.0)) == (10.0, 10.0, 5.0)
    spending.start(runs_made=5)  # the diagnosis begins: the clock goes on
    assert spending.cut(30.0) == 10.0
    now = 1060.0
    with pytest.raises(BudgetSpent):
        spending.check(runs_made=5)


def test_time_is_bounded_from_the_start_on(monkeypatch: pytest.MonkeyPatch) -> None:
    spending = Spending(Budget(seconds=60))
    spending.start(runs_made=0)
    spending.check(runs_made=1)
    late = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: late)
    with pytest.raises(BudgetSpent):
        spending.check(runs_made=1)
