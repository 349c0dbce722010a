"""The verdict for each way in which runs end and compare, and the exit code that it becomes."""

from __future__ import annotations

from itertools import product

import pytest

from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.model.verdict import Comparison, Verdict, decide, exit_code

DONE = Outcome(OutcomeKind.COMPLETED)
FAILED = Outcome(OutcomeKind.EXITED, code=3)
ONE_CLASS = ((0, 1),)
TWO_CLASSES = ((0,), (1,))


def compare(
    *outcomes: Outcome,
    compared: int = 4,
    classes: tuple[tuple[int, ...], ...] = ONE_CLASS,
    within_tolerance: bool = False,
) -> Verdict:
    comparison = Comparison(
        outcomes=outcomes,
        compared=compared,
        classes=classes,
        within_tolerance=within_tolerance,
    )
    return decide(comparison)


def test_equal_runs_that_end_well_are_reproducible() -> None:
    assert compare(DONE, DONE) is Verdict.REPRODUCIBLE


def test_nothing_compared_is_not_success() -> None:
    assert compare(DONE, DONE, compared=0) is Verdict.NOT_AUDITED


def test_one_run_is_compared_with_nothing() -> None:
    assert compare(DONE, classes=((0,),)) is Verdict.NOT_AUDITED


def test_a_program_that_fails_alike_each_time_was_not_audited() -> None:
    assert compare(FAILED, FAILED) is Verdict.NOT_AUDITED


def test_a_program_that_fails_alike_but_differs_before_is_not_reproducible() -> None:
    assert compare(FAILED, FAILED, classes=TWO_CLASSES) is Verdict.NOT_REPRODUCIBLE


def test_what_a_run_says_as_it_ends_does_not_decide() -> None:
    noted = Outcome(OutcomeKind.COMPLETED, detail="another address in a message")
    assert compare(DONE, noted) is Verdict.REPRODUCIBLE


@pytest.mark.parametrize(
    "other", [FAILED, Outcome(OutcomeKind.STOPPED), Outcome(OutcomeKind.COMPLETED, code=1)]
)
def test_runs_that_end_differently_diverge_whatever_was_compared(other: Outcome) -> None:
    assert compare(DONE, other, compared=0) is Verdict.NOT_REPRODUCIBLE


def test_a_tolerance_lets_different_values_pass_but_not_different_endings() -> None:
    assert (
        compare(DONE, DONE, classes=TWO_CLASSES, within_tolerance=True) is Verdict.WITHIN_TOLERANCE
    )
    assert (
        compare(DONE, FAILED, classes=TWO_CLASSES, within_tolerance=True)
        is Verdict.NOT_REPRODUCIBLE
    )


@pytest.mark.parametrize("verdicts", list(product(Verdict, repeat=2)))
def test_the_gravest_verdict_gives_the_exit_code(verdicts: tuple[Verdict, Verdict]) -> None:
    expected = 0
    if Verdict.NOT_AUDITED in verdicts:
        expected = 2
    if Verdict.NOT_REPRODUCIBLE in verdicts:
        expected = 1
    assert exit_code(verdicts) == expected


def test_no_verdict_at_all_is_not_success() -> None:
    assert exit_code([]) == 2
