"""What services show of a question: each once, and in agreement with the exit code."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.model.events import Location
from reproaudit.model.identity import divergence_fingerprint, fingerprints
from reproaudit.model.question import Dependence
from reproaudit.report.issue import Kind
from reproaudit.report.issues import list_issues
from tests.report.question_cases import HASH_ORDER, RESUME, SEEDED, SEEDS, UNVARIED, VARY


def test_a_dependence_is_a_finding_or_an_issue_of_its_own_the_gravest_first() -> None:
    found = [(issue.kind, issue.rule, issue.is_error) for issue in list_issues(VARY)]
    assert found == [
        (Kind.FINDING, "RA202", True),
        (Kind.FINDING, "RA203", True),
        (Kind.FINDING, "RA601", True),
        (Kind.DEPENDENCE, "dependence-without-source", True),
    ]
    assert list_issues(VARY)[0].message.startswith("Runs differ with hash_seed=1 in the forward")


def test_a_constant_is_not_said_to_differ_between_runs() -> None:
    constant = replace(HASH_ORDER, title="a constant seed stands in the way", variation="")
    (issue,) = list_issues(replace(SEEDS, findings=(constant,)))
    assert issue.message.startswith("In the forward pass of step 0 at aten::embedding")
    assert "differ in" not in issue.message


def test_what_lies_within_its_tolerance_fails_nothing() -> None:
    within = replace(VARY.variations[0], is_within_tolerance=True)
    result = replace(VARY, variations=(within, VARY.variations[2]))
    assert [issue.is_error for issue in list_issues(result)] == [True, False, True]


UNEXPLAINED = replace(RESUME, findings=())


def test_where_findings_tell_what_was_lost_it_is_not_told_again() -> None:
    assert [issue.kind for issue in list_issues(RESUME)] == [Kind.FINDING]


def test_each_lost_state_that_no_finding_tells_is_an_issue_at_its_line() -> None:
    lost = list_issues(UNEXPLAINED)
    places = [issue.place and (issue.place.path, issue.place.line) for issue in lost]
    assert places == [("examples/resume/train.py", 31), ("examples/resume/train.py", 38), None]
    assert len({issue.fingerprint for issue in lost}) == 3


def test_a_fingerprint_stays_when_lines_move() -> None:
    before = list_issues(UNEXPLAINED)[0]
    assert RESUME.resumption is not None
    first, *others = RESUME.resumption.lost
    moved = replace(first, location=Location("train.py", 99, "load"))
    resumption = replace(RESUME.resumption, lost=(moved, *others))
    after = list_issues(replace(UNEXPLAINED, resumption=resumption))[0]
    assert after.fingerprint == before.fingerprint


def test_streams_and_settings_are_issues_and_the_divergence_is_none_beside_them() -> None:
    kinds = [issue.kind for issue in list_issues(SEEDS)]
    assert kinds == [Kind.STREAM, Kind.STREAM, Kind.FLAG, Kind.FLAG]
    assert list_issues(SEEDED) == ()
    assert list_issues(UNVARIED) == ()


def test_what_is_accepted_is_accepted_with_all_that_a_question_brings() -> None:
    marks = frozenset(fingerprints(RESUME.subject, RESUME.findings))
    assert [issue.is_error for issue in list_issues(RESUME, marks)] == [False]
    mark = frozenset({divergence_fingerprint(SEEDS)})
    assert all(issue.is_accepted for issue in list_issues(SEEDS, mark))


def test_a_dependence_that_no_finding_explains_names_the_first_tensor() -> None:
    outcome = replace(VARY.variations[0], finding=None, dependence=Dependence.UNEXPLAINED, why="")
    (issue,) = list_issues(replace(VARY, findings=(), variations=(outcome,)))
    assert issue.message == (
        "The result depends on threads=1: not explained; first differs output loss, the first of "
        "81 tensors."
    )
