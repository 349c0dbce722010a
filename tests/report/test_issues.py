"""Which issues a result has, how its subjects are called, and what is an error."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.model.events import Location, Phase, ProgramWarning
from reproaudit.model.identity import divergence_fingerprint, fingerprints
from reproaudit.model.result import Alert
from reproaudit.model.verdict import Verdict
from reproaudit.report.issue import Issue, Kind, Place
from reproaudit.report.issues import list_issues, name_subjects
from tests.report.cases import CASES, INDEX_PUT, NOT_AUDITED, ONE_DIVERGENCE, STRUCTURE


def test_subjects_that_come_again_get_different_names() -> None:
    seeds = [replace(ONE_DIVERGENCE, settings=(("seed", str(seed)),)) for seed in (0, 1, 1)]
    again = replace(ONE_DIVERGENCE, subject="eval.py")
    assert name_subjects([*seeds, again]) == (
        "train.py [seed 0]",
        "train.py [seed 1] (1)",
        "train.py [seed 1] (2)",
        "eval.py",
    )


@pytest.mark.parametrize("case", CASES)
def test_an_audit_has_an_error_exactly_if_its_exit_code_is_not_zero(case: str) -> None:
    failed = CASES[case].verdict in (Verdict.NOT_REPRODUCIBLE, Verdict.NOT_AUDITED)
    assert any(issue.is_error for issue in list_issues(CASES[case])) is failed


@pytest.mark.parametrize("result", [ONE_DIVERGENCE, STRUCTURE])
def test_what_is_accepted_is_no_error_also_if_no_source_was_located(result: object) -> None:
    assert isinstance(result, type(ONE_DIVERGENCE))
    marks = fingerprints(result.subject, result.findings) or (divergence_fingerprint(result),)
    found = [
        issue
        for issue in list_issues(result, frozenset(marks))
        if issue.kind in (Kind.FINDING, Kind.NO_SOURCE)
    ]
    assert [(issue.is_accepted, issue.is_error) for issue in found] == [(True, False)]


def test_an_audit_that_could_not_be_done_cannot_be_accepted() -> None:
    (issue,) = list_issues(NOT_AUDITED)
    (same,) = list_issues(NOT_AUDITED, frozenset({issue.fingerprint}))
    assert (same.kind, same.is_error, same.is_accepted) == (Kind.NOT_AUDITED, True, False)


def test_a_finding_of_runs_within_the_tolerance_is_no_error() -> None:
    (issue, *_) = list_issues(replace(ONE_DIVERGENCE, verdict=Verdict.WITHIN_TOLERANCE))
    assert (issue.kind, issue.is_error) == (Kind.FINDING, False)


def test_a_warning_keeps_its_rule_and_its_identity_when_its_line_moves() -> None:
    def issues_of_warnings(line: int) -> list[Issue]:
        place = Location("train.py", line, "main")
        message = f"workers iterated at train.py:{line} draw alike"
        warnings = (ProgramWarning(message, "RA501", place), ProgramWarning("2 cores for 4 runs"))
        found = list_issues(replace(ONE_DIVERGENCE, warnings=warnings))
        return [issue for issue in found if issue.kind is Kind.WARNING]

    before, after = issues_of_warnings(12), issues_of_warnings(14)
    assert [(issue.rule, issue.message) for issue in before] == [
        ("RA501", "workers iterated at examples/net/train.py:12 draw alike"),
        ("warning", "2 cores for 4 runs"),
    ]
    assert [issue.fingerprint for issue in before] == [issue.fingerprint for issue in after]


def test_a_warning_has_the_line_that_is_known_of_it() -> None:
    warning = ProgramWarning("workers draw alike", "RA501", Location("train.py", 12, "main"))
    found = list_issues(replace(ONE_DIVERGENCE, warnings=(warning, ProgramWarning("2 cores"))))
    places = [issue.place for issue in found if issue.kind is Kind.WARNING]
    assert places == [Place("examples/net/train.py", 12, "main"), None]


def test_issues_that_agree_in_all_but_their_line_have_different_identities() -> None:
    alerts = tuple(
        Alert("aten::cumsum", "", Phase.FORWARD, "head", Location("model.py", line, "f"))
        for line in (7, 9)
    )
    found = list_issues(replace(ONE_DIVERGENCE, findings=(INDEX_PUT, INDEX_PUT), alerts=alerts))
    assert len({issue.fingerprint for issue in found}) == len(found) == 5
