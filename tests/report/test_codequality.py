"""GitLab Code Quality: valid against what GitLab documents. There is no published schema."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reproaudit.model.events import Location
from reproaudit.model.identity import fingerprints
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report import render_all
from tests.report.cases import (
    CASES,
    INDEX_PUT,
    NOT_AUDITED,
    ONE_DIVERGENCE,
    REPRODUCIBLE,
    SHARED_WORKERS,
)

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "codequality.json").read_text())
SMALL = {case: result for case, result in CASES.items() if "10000" not in case}


def entries_of(
    *results: AuditResult, accepted: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(render_all(results, "codequality", accepted))
    Draft202012Validator(SCHEMA).validate(entries)
    return entries


@pytest.mark.parametrize("case", SMALL)
def test_a_report_has_what_gitlab_asks_for(case: str) -> None:
    entries_of(SMALL[case])


def test_fingerprints_are_unique_also_where_two_audits_find_the_same() -> None:
    entries = entries_of(*SMALL.values(), ONE_DIVERGENCE)
    marks = [entry["fingerprint"] for entry in entries]
    assert len(set(marks)) == len(marks) == len(entries_of(*SMALL.values()))


def test_a_finding_lies_at_its_line_from_the_working_directory() -> None:
    entry = entries_of(ONE_DIVERGENCE)[0]
    assert entry["location"] == {"path": "examples/net/train.py", "lines": {"begin": 41}}
    assert (entry["check_name"], entry["severity"]) == ("RA401", "major")
    assert entry["fingerprint"] == fingerprints("train.py", [INDEX_PUT])[0]


def test_a_finding_without_a_line_in_the_repository_lies_at_the_subject_and_says_so() -> None:
    finding = replace(
        INDEX_PUT, location=Location("site-packages/torch/nn/functional.py", 9, "dropout")
    )
    entry = entries_of(replace(ONE_DIVERGENCE, subject="net/train.py::step", findings=(finding,)))[
        0
    ]
    assert entry["location"] == {"path": "net/train.py", "lines": {"begin": 1}}
    assert (
        "site-packages/torch/nn/functional.py:9 in dropout, "
        "which is no line of a file of this repository" in entry["description"]
    )


def test_a_warning_lies_at_its_line() -> None:
    located, other = entries_of(SHARED_WORKERS)
    assert located["location"] == {"path": "examples/net/train.py", "lines": {"begin": 9}}
    assert "no line is known" in other["description"].lower()


def test_what_is_accepted_or_within_the_tolerance_weighs_less() -> None:
    accepted = entries_of(
        ONE_DIVERGENCE, accepted=frozenset(fingerprints("train.py", [INDEX_PUT]))
    )[0]
    assert accepted["severity"] == "info"
    assert (
        entries_of(replace(ONE_DIVERGENCE, verdict=Verdict.WITHIN_TOLERANCE))[0]["severity"]
        == "minor"
    )
    assert [entry["severity"] for entry in entries_of(NOT_AUDITED)] == ["critical"]


def test_a_reproducible_program_has_no_entry() -> None:
    assert entries_of(REPRODUCIBLE) == []
