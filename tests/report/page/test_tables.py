"""The tables of the page: what they say of runs, trials, ranks and tensors."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from reproaudit.model.difference import Difference
from reproaudit.model.result import (
    Trial,
)
from reproaudit.report.finding_lines import EVIDENCE
from reproaudit.report.page.glossary import GLOSSARY
from reproaudit.report.page.tables import (
    list_class_rows,
    list_rank_rows,
    list_run_rows,
    list_tensor_rows,
    list_trial_rows,
    name_class,
)
from tests.report.cases import INDEX_PUT, ONE_DIVERGENCE, REPRODUCIBLE, UNICODE


def test_classes_are_letters_and_then_numbers() -> None:
    assert [name_class(number) for number in (0, 1, 25, 26, 99)] == ["A", "B", "Z", "27", "100"]
    assert list_class_rows(ONE_DIVERGENCE)[0] == {"name": "A", "runs": [0, 2]}


def test_a_run_that_only_diagnoses_is_in_no_class() -> None:
    rows = list_run_rows(ONE_DIVERGENCE)
    assert [(row["class"], row["is_plain"]) for row in rows] == [
        ("A", True),
        ("B", True),
        ("A", True),
        ("C", True),
        ("D", True),
        ("", False),
        ("", False),
    ]


def test_a_trial_says_what_it_is_worth_and_what_its_repair_costs() -> None:
    rows = list_trial_rows(ONE_DIVERGENCE)
    assert [row["state"] for row in rows] == ["differs", "no answer", "repaired"]
    assert [row["slowdown"] for row in rows] == [None, None, 1.034]
    assert rows[2]["cost"] == "no measurable cost"
    assert rows[2]["meanings"][0] != ""
    rows = list_trial_rows(UNICODE)
    assert [row["state"] for row in rows] == [
        "equal, no proof",
        "differs",
        "repaired",
        "equal, no proof",
    ]
    # The cost is that of the whole set, whatever order it was tried in.
    assert [row["slowdown"] for row in rows] == [None, None, 1.034, None]


def test_a_trial_that_differed_costs_nothing_though_a_repair_is_made_of_the_same() -> None:
    trial = Trial(("kernels.deterministic",), 2, False)
    (row,) = list_trial_rows(replace(ONE_DIVERGENCE, trials=(trial,)))
    assert row["slowdown"] is None


def test_each_rank_has_the_findings_that_were_seen_there() -> None:
    findings = (
        replace(INDEX_PUT, ranks=(1,), world=3),
        replace(INDEX_PUT, ranks=(0, 1, 2), world=3),
    )
    rows = list_rank_rows(replace(ONE_DIVERGENCE, findings=findings))
    assert rows == [
        {"rank": 0, "findings": [2]},
        {"rank": 1, "findings": [1, 2]},
        {"rank": 2, "findings": [2]},
    ]
    assert list_rank_rows(REPRODUCIBLE) == []


def test_a_stranger_cannot_ask_for_any_number_of_ranks() -> None:
    finding = replace(INDEX_PUT, ranks=(10**12, -1), world=10**15)
    rows = list_rank_rows(replace(ONE_DIVERGENCE, findings=(finding,)))
    assert len(rows) == 4096
    assert all(row["findings"] == [] for row in rows)


def test_a_tensor_is_first_where_it_first_differs() -> None:
    (first, other) = ONE_DIVERGENCE.divergences
    later = replace(first, step=3)
    result = replace(ONE_DIVERGENCE, divergences=(first, other, later))
    assert [row["is_first"] for row in list_tensor_rows(result)] == [True, True, False]


@pytest.mark.parametrize("number", [math.inf, math.nan, -math.inf])
def test_a_distance_that_json_has_no_number_for_is_still_told_in_words(number: float) -> None:
    difference = Difference(9, 1, 10**400, number, number)
    row = replace(ONE_DIVERGENCE.divergences[0], difference=difference)
    (shown,) = list_tensor_rows(replace(ONE_DIVERGENCE, divergences=(row,)))
    assert shown["max_abs"] is None
    assert shown["max_ulp"] is None
    assert shown["abs"] == f"{number:.2g}"


def test_every_kind_of_evidence_is_explained() -> None:
    assert {kind for kind, _ in EVIDENCE} <= GLOSSARY.keys()
