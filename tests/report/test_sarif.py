"""SARIF: valid against the published schema, and acceptable to GitHub's code scanning, which asks
for more."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from reproaudit.knowledge import documentation
from reproaudit.knowledge.rules import RULES
from reproaudit.model.cause import Cause
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
    STRUCTURE,
    UNICODE,
)

SCHEMAS = Path(__file__).parent / "schemas"
SMALL = {case: result for case, result in CASES.items() if "10000" not in case}
ACCEPTED = frozenset(fingerprints(ONE_DIVERGENCE.subject, ONE_DIVERGENCE.findings))


@cache
def validator() -> Draft7Validator:
    schema = json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text())
    return Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)


def run_of(*results: AuditResult, accepted: frozenset[str] = frozenset()) -> dict[str, Any]:
    document = json.loads(render_all(results, "sarif", accepted))
    validator().validate(document)
    (run,) = document["runs"]
    return run


def notifications(run: dict[str, Any], invocation: int = 0) -> list[dict[str, Any]]:
    return run["invocations"][invocation]["toolExecutionNotifications"]


@pytest.mark.parametrize("case", SMALL)
def test_a_report_is_valid_against_the_schema_of_oasis(case: str) -> None:
    run_of(SMALL[case])
    run_of(SMALL[case], accepted=ACCEPTED)


def test_several_audits_are_one_valid_run_with_an_invocation_each() -> None:
    run = run_of(*SMALL.values())
    assert [invocation["properties"]["verdict"] for invocation in run["invocations"]] == [
        result.verdict.value for result in SMALL.values()
    ]


def test_the_schema_refuses_what_is_wrong() -> None:
    document = json.loads(render_all([ONE_DIVERGENCE], "sarif"))
    document["runs"][0]["results"][0]["level"] = "fatal"
    assert not validator().is_valid(document)


@pytest.mark.parametrize("case", SMALL)
def test_every_result_has_what_code_scanning_rejects_a_file_without(case: str) -> None:
    run = run_of(SMALL[case])
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        (location,) = result["locations"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        assert not uri.startswith(("/", "..", "site-packages"))
        assert location["physicalLocation"]["region"]["startLine"] >= 1
        assert result["message"]["text"]
        assert result["partialFingerprints"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    for rule in [*rules, *run["tool"]["driver"]["notifications"]]:
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]
        assert rule["help"]["text"]
    assert len({rule["id"] for rule in rules}) == len(rules)


@pytest.mark.parametrize(
    "path", ["site-packages/torch/nn/functional.py", "/usr/lib/x.py", "../../../x.py", "<string>"]
)
def test_a_finding_without_a_line_in_the_repository_is_a_notification_of_the_same_level(
    path: str,
) -> None:
    finding = replace(INDEX_PUT, location=Location(path, 3, "f"))
    run = run_of(replace(ONE_DIVERGENCE, findings=(finding,), alerts=()))
    assert run["results"] == []
    told = notifications(run)[0]
    assert told["level"] == "error"
    assert told["associatedRule"] == {"id": "RA401", "index": 0}
    # From the working directory, which is two folders above the subject's.
    assert f"{path.removeprefix('../../')}:3 in f" in told["message"]["text"]
    assert [place["fullyQualifiedName"] for place in told["locations"][0]["logicalLocations"]] == [
        "layers.1"
    ]


def test_a_path_is_percent_encoded_and_starts_at_the_working_directory() -> None:
    places = [result["locations"][0]["physicalLocation"] for result in run_of(UNICODE)["results"]]
    assert (
        places[0]["artifactLocation"]["uri"]
        == "examples/net/%C3%9Cbungen/na%C3%AFve%20fa%C3%A7ade.py"
    )
    assert places[0]["region"] == {"startLine": 3}


@pytest.mark.parametrize(
    ("result", "is_success", "code"),
    [(REPRODUCIBLE, True, 0), (ONE_DIVERGENCE, True, 1), (NOT_AUDITED, False, 2)],
)
def test_an_invocation_tells_an_audit_that_was_not_done_from_one_that_found_something(
    result: AuditResult, is_success: bool, code: int
) -> None:
    (invocation,) = run_of(result)["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (is_success, code)


@pytest.mark.parametrize(
    ("result", "rule"), [(NOT_AUDITED, "not-audited"), (STRUCTURE, "no-source-located")]
)
def test_what_has_no_finding_is_an_error_among_the_notifications(
    result: AuditResult, rule: str
) -> None:
    run = run_of(result)
    errors = [told for told in notifications(run) if told["level"] == "error"]
    assert [told["descriptor"]["id"] for told in errors] == [rule]
    assert rule in [entry["id"] for entry in run["tool"]["driver"]["notifications"]]


def test_a_warning_with_a_line_is_a_result_there_and_one_without_is_a_notification() -> None:
    run = run_of(SHARED_WORKERS)
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("RA501", "warning")
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "examples/net/train.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 9},
    }
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["RA501"]
    assert [told["descriptor"]["id"] for told in notifications(run)] == ["warning", "not-checked"]


def test_what_was_not_checked_is_told() -> None:
    (told,) = notifications(run_of(REPRODUCIBLE))
    assert told["level"] == "note"
    assert told["message"]["text"].startswith(
        "fused kernels of compiled regions: no operator in them can be seen"
    )


def test_an_accepted_finding_is_suppressed_and_unchanged_and_a_new_one_is_new() -> None:
    other = replace(INDEX_PUT, op="aten::cumsum")
    run = run_of(replace(ONE_DIVERGENCE, findings=(INDEX_PUT, other), alerts=()), accepted=ACCEPTED)
    known, new = run["results"]
    assert (known["level"], known["baselineState"]) == ("note", "unchanged")
    assert [entry["status"] for entry in known["suppressions"]] == ["accepted"]
    assert (new["level"], new["baselineState"]) == ("error", "new")
    assert "suppressions" not in new


def test_without_a_baseline_nothing_is_said_of_one() -> None:
    assert not [
        key
        for result in run_of(ONE_DIVERGENCE)["results"]
        for key in result
        if key.startswith("baseline")
    ]


def test_an_operator_that_is_refused_is_a_note_also_where_runs_are_equal() -> None:
    run = run_of(replace(ONE_DIVERGENCE, verdict=Verdict.REPRODUCIBLE, findings=(), divergences=()))
    assert [(result["ruleId"], result["level"]) for result in run["results"]] == [
        ("refused-operator", "note")
    ]


def test_a_rule_is_explained_in_the_file_itself() -> None:
    (described, _) = run_of(ONE_DIVERGENCE)["tool"]["driver"]["rules"]
    assert RULES[Cause.KERNEL].explanation in described["help"]["text"]
    assert f"Advice: {RULES[Cause.KERNEL].advice}." in described["help"]["text"]


def test_a_rule_links_to_its_page_once_the_site_is_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "helpUri" not in render_all([ONE_DIVERGENCE], "sarif")
    monkeypatch.setattr(documentation, "SITE", "https://docs.example.org/")
    described = run_of(ONE_DIVERGENCE, SHARED_WORKERS)["tool"]["driver"]["rules"]
    assert {rule["id"]: rule.get("helpUri") for rule in described} == {
        "RA401": "https://docs.example.org/why/ra401.html",
        "RA501": "https://docs.example.org/why/ra501.html",
        "refused-operator": None,
    }
