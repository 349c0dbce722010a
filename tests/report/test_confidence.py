"""The sentence that says how sure an answer is."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.model.result import Confidence
from reproaudit.report.confidence import word_confidence
from tests.report.cases import REPRODUCIBLE
from tests.report.question_cases import VARY


def test_a_rate_that_no_audit_finds_is_shown_as_it_stands() -> None:
    confidence = Confidence(divergence_rate_at_most=1e306)
    said = word_confidence(replace(REPRODUCIBLE, confidence=confidence))
    assert "above 1e+306 % is ruled out" in said


def test_batches_are_compared_with_the_one_that_is_named() -> None:
    first = replace(VARY.runs[0], condition="batch=1")
    said = word_confidence(replace(VARY, runs=(first, *VARY.runs[1:])))
    assert said.endswith("each variation was compared with the run of batch=1")
