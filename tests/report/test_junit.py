"""JUnit XML: valid against the published schema, and counted right."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from reproaudit.model.identity import fingerprints
from reproaudit.model.question import Question
from reproaudit.model.result import AuditResult
from reproaudit.report import render_all
from reproaudit.report.places import move_to_working_folder
from tests.report.cases import (
    CASES,
    INDEX_PUT,
    NOT_AUDITED,
    ONE_DIVERGENCE,
    REPRODUCIBLE,
    STRUCTURE,
    WITHIN_TOLERANCE,
)
from tests.report.question_cases import (
    MANY_VARIATIONS,
    RESUME,
    RESUMED,
    SEEDED,
    SEEDS,
    VARY,
)

SMALL = {case: result for case, result in CASES.items() if "10000" not in case}
ACCEPTED = frozenset(fingerprints(ONE_DIVERGENCE.subject, ONE_DIVERGENCE.findings))


@cache
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(Path(__file__).parent / "schemas" / "junit-10.xsd"))


def suite_of(*results: AuditResult, accepted: frozenset[str] = frozenset()) -> ElementTree.Element:
    text = render_all(results, "junit", accepted)
    schema().validate(text)
    suite = ElementTree.fromstring(text).find("testsuite")
    assert suite is not None
    return suite


@pytest.mark.parametrize("case", SMALL)
def test_a_report_is_valid_against_the_schema(case: str) -> None:
    suite_of(SMALL[case])
    suite_of(SMALL[case], accepted=ACCEPTED)


def test_the_schema_refuses_what_is_wrong() -> None:
    text = (
        render_all([ONE_DIVERGENCE], "junit")
        .replace("<failure ", "<broken ")
        .replace("</failure>", "</broken>")
    )
    assert not schema().is_valid(text)


def test_every_audit_is_one_test_case_and_the_counts_are_those_of_the_cases() -> None:
    audits = [result for result in SMALL.values() if result.question is Question.AUDIT]
    suite = suite_of(*audits)
    assert len(suite.findall("testcase")) == len(audits)
    assert len({case.get("name") for case in suite}) == len(audits)
    counts = {"tests": len(audits), "failures": 4, "errors": 2, "skipped": 0}
    assert {name: int(suite.get(name, "-1")) for name in counts} == counts


def outcomes(*results: AuditResult, accepted: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return what became of each test case, by name: `passed`, or the element that it holds."""
    found = {}
    for case in suite_of(*results, accepted=accepted):
        tags = [child.tag for child in case if child.tag != "system-out"]
        found[case.get("name", "")] = tags[0] if tags else "passed"
    return found


def test_every_variation_is_a_test_case_of_its_own() -> None:
    assert outcomes(VARY) == {
        "train.py": "passed",
        "train.py: hash_seed=1": "failure",
        "train.py: timezone=Asia/Tokyo": "failure",
        "train.py: torch=/opt/torch-2.14": "failure",
        "train.py: threads=1": "failure",
        "train.py: threads=4": "failure",
        "train.py: mkldnn=off": "passed",
        "train.py: locales=C": "passed",
        "train.py: home=empty": "passed",
        "train.py: umask=077": "passed",
        "train.py: workers=0": "skipped",
        "train.py: workers=4": "skipped",
        "train.py: device=cuda": "skipped",
    }


def test_a_dependence_that_is_accepted_is_skipped_and_the_others_fail() -> None:
    marks = fingerprints(VARY.subject, VARY.findings)
    found = outcomes(VARY, accepted=frozenset(marks[:1]))
    assert found["train.py: threads=1"] == "skipped"
    assert found["train.py: hash_seed=1"] == "failure"


def test_every_lost_state_and_every_stream_that_ought_to_follow_is_a_test_case() -> None:
    assert outcomes(RESUME) == {
        "train.py": "passed",
        "train.py: scheduler StepLR": "failure",
        "train.py: random stream torch CPU": "failure",
        "train.py: position in the data": "failure",
    }
    assert outcomes(SEEDS) == {
        "train.py": "passed",
        "train.py: initial weights, examples/seeds/train.py:14, torch CPU": "passed",
        "train.py: data order, examples/seeds/train.py:21, Python random": "failure",
        "train.py: forward pass, examples/seeds/noise.py:8, numpy default_rng": "failure",
        "train.py: other, torch CPU": "skipped",
        "train.py: torch.manual_seed = 0, examples/seeds/train.py:16": "failure",
        "train.py: torch.use_deterministic_algorithms = False, "
        "site-packages/trainer/loop.py:88": "failure",
    }


def test_an_answer_whose_parts_do_not_fail_is_one_case_that_does() -> None:
    lost = replace(RESUME, resumption=replace(RESUMED.resumption, lost=()))
    assert outcomes(lost) == {"train.py": "failure"}
    assert outcomes(RESUMED) == {"train.py": "passed"}


def test_parts_of_one_name_are_numbered() -> None:
    twice = replace(SEEDED, streams=SEEDED.streams[:1] * 2, timeline=())
    name = "train.py: initial weights, examples/seeds/train.py:14, torch CPU"
    assert list(outcomes(twice)) == ["train.py", name, f"{name} (2)"]


def test_ten_thousand_variations_are_a_thousand_cases_and_one_that_counts_the_rest() -> None:
    found = outcomes(MANY_VARIATIONS)
    assert len(found) == 1_002
    assert found["train.py: 9,000 more parts"] == "skipped"


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (REPRODUCIBLE, None),
        (WITHIN_TOLERANCE, None),
        (ONE_DIVERGENCE, "failure"),
        (STRUCTURE, "failure"),
        (NOT_AUDITED, "error"),
    ],
)
def test_the_outcome_of_a_case_follows_the_verdict(
    result: AuditResult, outcome: str | None
) -> None:
    (case,) = suite_of(result)
    assert [child.tag for child in case if child.tag != "system-out"] == (
        [outcome] if outcome else []
    )
    assert move_to_working_folder(result).headline in "".join(case.itertext())


def test_the_message_of_a_failure_is_the_headline_and_its_text_the_whole_report() -> None:
    (case,) = suite_of(ONE_DIVERGENCE)
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == f"not reproducible: {ONE_DIVERGENCE.headline}"
    assert failure.get("type") == "RA401"
    assert "torch.use_deterministic_algorithms(True)" in (failure.text or "")


def test_an_audit_whose_findings_are_all_accepted_is_skipped_with_the_reason() -> None:
    (case,) = suite_of(ONE_DIVERGENCE, accepted=ACCEPTED)
    skipped = case.find("skipped")
    assert skipped is not None
    assert case.find("failure") is None
    assert skipped.get("message") == "1 finding accepted in the baseline, and no other"


def test_one_finding_that_is_not_accepted_fails_the_case_and_the_accepted_ones_are_listed() -> None:
    other = replace(INDEX_PUT, op="aten::cumsum")
    (case,) = suite_of(replace(ONE_DIVERGENCE, findings=(INDEX_PUT, other)), accepted=ACCEPTED)
    assert case.find("failure") is not None
    assert case.find("skipped") is None
    (mark,) = ACCEPTED
    listed = case.findtext("system-out") or ""
    assert listed.count(mark) == 1
    assert "aten::cumsum" not in listed


def test_text_that_would_end_an_attribute_or_element_is_only_text() -> None:
    hostile = '"><x a="]]></failure>&amp;'
    (case,) = suite_of(replace(ONE_DIVERGENCE, subject=hostile, headline=hostile))
    failure = case.find("failure")
    assert failure is not None
    assert case.get("name") == hostile
    assert failure.get("message") == f"not reproducible: {hostile}"
