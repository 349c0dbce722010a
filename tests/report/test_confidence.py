"""The sentence that says how sure an answer is."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.model.result import Confidence
from reproaudit.report.confidence import word_confidence
from tests.report.cases import REPRODUCIBLE


def test_a_rate_that_no_audit_finds_is_shown_as_it_stands() -> None:
    confidence = Confidence(divergence_rate_at_most=1e306)
    said = word_confidence(replace(REPRODUCIBLE, confidence=confidence))
    assert "above 1e+306 % is ruled out" in said
