"""The lines that are shown while an audit goes on: each once, and corrected where it was wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.model.cause import Cause
from reproaudit.model.early import AuditEnded, CausesKnown, SourceSeen, TrialMade, VerdictKnown
from reproaudit.model.events import Location
from reproaudit.model.result import Trial
from reproaudit.model.verdict import Verdict
from reproaudit.report.early_answer import EarlyAnswer
from tests.report.cases import ONE_DIVERGENCE, REPRODUCIBLE

FOUND = ONE_DIVERGENCE.findings[0]
FIRST = ONE_DIVERGENCE.first_divergence
PROOF = Trial(("kernels.deterministic",), runs=3, is_equal=True, plain_differ=True)
DIFFERS = VerdictKnown(Verdict.NOT_REPRODUCIBLE, 2, 10, FIRST)


def test_the_verdict_comes_with_what_it_was_first_seen_in() -> None:
    seen = "first seen in gradient layers.1.weight of step 0"
    assert EarlyAnswer().word(DIFFERS) == (f"not reproducible: 2 runs differ, {seen}",)
    late = replace(DIFFERS, runs=4)
    assert EarlyAnswer().word(late) == (f"not reproducible: run 4 differs from the first, {seen}",)
    equal = VerdictKnown(Verdict.REPRODUCIBLE, 5, 10)
    assert EarlyAnswer().word(equal) == ("reproducible: 5 runs are bitwise equal over 10 steps",)


def test_where_runs_first_differ_is_certain_and_the_cause_only_suspected() -> None:
    assert EarlyAnswer("net").word(SourceSeen(FOUND, FOUND.location, 10)) == (
        "first differs in the backward pass of step 0 at aten::index_put_, "
        "net/train.py:41 in forward",
        "suspected cause: kernel (RA401)",
    )
    unknown = replace(FOUND, cause=Cause.UNKNOWN)
    assert len(EarlyAnswer().word(SourceSeen(unknown, FOUND.location, 10))) == 1


def test_a_suspected_call_is_not_said_to_be_where_runs_differ() -> None:
    called = replace(
        FOUND,
        rule="RA201",
        cause=Cause.CLOCK,
        call="time.time",
        location=Location("train.py", 3),
    )
    where, cause = EarlyAnswer().word(SourceSeen(called, Location("train.py", 9), 10))
    assert where.endswith("aten::index_put_, train.py:9")
    assert cause.endswith("clock (RA201), aten::index_put_, train.py:3")


def test_only_a_proof_is_told_and_only_once() -> None:
    answer = EarlyAnswer()
    assert answer.word(TrialMade(replace(PROOF, plain_differ=None))) == ()
    assert answer.word(TrialMade(PROOF)) == (
        "repaired by kernels.deterministic: 3 runs with it are equal, and runs without it differ",
    )
    assert answer.word(TrialMade(PROOF)) == ()


def test_many_causes_are_counted() -> None:
    lines = EarlyAnswer().word(CausesKnown((FOUND,) * 7))
    assert len(lines) == 6
    assert lines[-1] == "2 more findings: see the report"


@pytest.mark.parametrize("causes", [(Cause.KERNEL,), (Cause.KERNEL, Cause.CLOCK)])
def test_what_the_report_says_as_well_is_not_said_again(causes: tuple[Cause, ...]) -> None:
    findings = tuple(replace(FOUND, cause=cause) for cause in causes)
    answer = EarlyAnswer()
    answer.word(DIFFERS)
    answer.word(CausesKnown(findings))
    assert answer.word(AuditEnded(replace(ONE_DIVERGENCE, findings=findings))) == ()
    assert EarlyAnswer().word(AuditEnded(REPRODUCIBLE)) == ()


def test_a_line_that_further_runs_found_is_said() -> None:
    answer = EarlyAnswer("net")
    answer.word(CausesKnown((FOUND,)))
    traced = replace(FOUND, location=Location("train.py", 7))
    assert answer.word(AuditEnded(replace(ONE_DIVERGENCE, findings=(traced,)))) == (
        "kernel was traced back to net/train.py:7",
    )


def test_what_the_report_contradicts_is_corrected() -> None:
    answer = EarlyAnswer()
    answer.word(DIFFERS)
    answer.word(CausesKnown((FOUND,)))
    last = replace(
        ONE_DIVERGENCE,
        verdict=Verdict.NOT_AUDITED,
        findings=(replace(FOUND, cause=Cause.UNKNOWN),),
    )
    assert answer.word(AuditEnded(last)) == (
        "corrected: not audited, for the reasons that the report gives",
        "corrected by further runs: cause unknown",
    )
