"""What a failing test shows: the finding in words, the worst tensors, no wall of numbers."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.model.result import RunSummary
from reproaudit.report.assertion import AssertionText
from tests.report.cases import CASES, MANY, ONE_DIVERGENCE, REPRODUCIBLE

_MOST_LINES = 60


def test_it_names_op_line_cause_fix_and_tensors() -> None:
    text = AssertionText().render(ONE_DIVERGENCE)
    finding = ONE_DIVERGENCE.findings[0]
    assert finding.fix is not None
    assert f"  line   {finding.location}" in text
    assert f"  op     {finding.op}" in text
    assert f"  cause  {finding.cause.value} ({finding.rule}): {finding.title}" in text
    assert f"  fix    {finding.fix.advice}" in text
    assert ONE_DIVERGENCE.divergences[0].name in text


def test_ten_thousand_findings_are_a_screen_and_a_count() -> None:
    lines = AssertionText().render(MANY).splitlines()
    assert len(lines) <= _MOST_LINES
    assert any("findings more" in line for line in lines)


def test_nothing_hostile_reaches_the_terminal() -> None:
    for result in CASES.values():
        text = AssertionText().render(result)
        assert text.endswith("\n")
        assert all(line.isprintable() for line in text.splitlines())


def test_repetitions_that_end_differently_are_told_one_by_one() -> None:
    runs = (
        RunSummary(0, Outcome(OutcomeKind.COMPLETED, 0), 1, 5),
        RunSummary(1, Outcome(OutcomeKind.RAISED, 1, "ValueError: planted"), 1, 3),
    )
    text = AssertionText().render(replace(REPRODUCIBLE, runs=runs))
    assert "  repetition 0  completed\n  repetition 1  raised ValueError: planted\n" in text
