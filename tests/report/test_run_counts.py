"""What is said of further runs, and of run time."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest

from reproaudit.model.result import Fix
from reproaudit.report import render
from reproaudit.report.json_report import from_json, schema_text
from reproaudit.report.run_counts import word_cost, word_further_runs, word_load
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


def test_runs_that_had_load_are_named_and_set_against_those_that_had_none() -> None:
    assert word_load(REPRODUCIBLE) == ""
    loaded = replace(REPRODUCIBLE, loaded_runs=(1, 3))
    said = word_load(loaded)
    assert said == "beside a busy process on each core: runs 1, 3"
    assert said in render(loaded, "markdown")
    assert said in render(loaded, "terminal")
    assert from_json(render(loaded, "json")) == loaded
    jsonschema.validate(json.loads(render(loaded, "json")), json.loads(schema_text()))
    rare = replace(loaded, classes=((0, 1, 2, 4), (3,)))
    assert word_load(rare) == f"{said}; the 3 others are equal"
    assert word_load(replace(rare, classes=((0, 1, 4), (2,), (3,)))) == said
    many = replace(loaded, loaded_runs=tuple(range(1, 45, 2)))
    assert word_load(many).endswith("21, 23 and 10 more")
