"""What is said of further runs, and of run time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.model.result import Fix
from reproaudit.report import render
from reproaudit.report.run_counts import word_cost, word_further_runs
from tests.report.cases import REPRODUCIBLE


@pytest.mark.parametrize(
    ("slowdown", "spread", "said"),
    [
        (None, None, ""),
        (0.58, 1.3, "no measurable cost"),
        (1.08, 1.01, "no measurable cost"),
        (1.25, 1.4, "no measurable cost"),
        (1.25, 1.1, "run time × 1.25"),
        (1.25, None, "run time × 1.25"),
    ],
)
def test_a_cost_is_one_only_if_plain_runs_differ_by_less(
    slowdown: float | None, spread: float | None, said: str
) -> None:
    assert word_cost(Fix(slowdown=slowdown, plain_spread=spread)) == said


def test_further_runs_are_explained_in_reports_for_people() -> None:
    assert word_further_runs(REPRODUCIBLE) == ""
    result = replace(REPRODUCIBLE, further_runs=2, further_because="it starts threads")
    said = word_further_runs(result)
    assert said.startswith("5 runs instead of 3")
    assert said.endswith("it starts threads")
    assert said in render(result, "markdown")


def test_runs_that_were_spared_are_told() -> None:
    result = replace(REPRODUCIBLE, classes=((0,), (1,)), spared_runs=3)
    assert word_further_runs(result).startswith("2 runs instead of 5: they differ")
