"""The one sentence that answers a question."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.model.events import Location, NotChecked, Unchecked
from reproaudit.model.question import Dependence, Question
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.confidence import word_confidence
from reproaudit.report.headline import word_headline
from reproaudit.report.questions.resumption_rows import list_resumption_facts
from reproaudit.report.verdicts import count_answers, name_answer
from tests.report.cases import ONE_DIVERGENCE, REPRODUCIBLE
from tests.report.question_cases import (
    MANY_VARIATIONS,
    RESUME,
    RESUMED,
    SEEDED,
    SEEDS,
    UNVARIED,
    VARY,
)


@pytest.mark.parametrize(
    "result",
    [VARY, UNVARIED, RESUME, RESUMED, SEEDS, SEEDED],
    ids=["vary", "vary-equal", "resume", "resume-equal", "seeds", "seeds-expected"],
)
def test_a_headline_names_what_matters_and_counts_the_rest(result: AuditResult) -> None:
    assert word_headline(replace(result, headline="not read"), compared=90) == result.headline


def test_a_headline_names_three_variations_of_a_kind_and_counts_the_others() -> None:
    many = [
        replace(VARY.variations[2], name=f"env.NAME{number}", finding=None) for number in range(5)
    ]
    said = word_headline(replace(VARY, findings=(), variations=tuple(many)), compared=1)
    assert said == "depends on env.NAME0 (a bug), env.NAME1 (a bug), env.NAME2 (a bug) and 2 more"


def test_what_is_only_as_documented_is_said_to_be_so() -> None:
    result = replace(VARY, variations=VARY.variations[:2])
    assert word_headline(result, compared=1) == (
        "depends, as documented, on threads (aten::sum, train.py:12)"
    )


def test_what_fails_under_a_value_is_told_before_what_depends_on_one() -> None:
    failed = replace(VARY.variations[2], finding=None, dependence=Dependence.FAILS)
    both = (failed, replace(failed, value="2"), VARY.variations[0])
    assert word_headline(replace(VARY, variations=both), compared=1) == (
        "fails under hash_seed=1 and 2; depends, as documented, on threads (aten::sum, train.py:12)"
    )
    assert word_headline(replace(VARY, variations=both[:1]), compared=1) == (
        "fails under hash_seed=1"
    )


def test_a_program_that_differs_by_itself_is_told_first() -> None:
    why = "no repair was proven"
    untried = replace(VARY.variations[4], dependence=Dependence.NOT_TRIED, why=why)
    result = replace(ONE_DIVERGENCE, question=Question.VARY, variations=(untried,))
    assert word_headline(result, compared=1) == (
        "differs from run to run as it is; none of 1 variation was tried: no repair was proven"
    )
    result = replace(result, findings=(), variations=VARY.variations[4:5])
    assert word_headline(result, compared=1) == (
        "7 runs, 4 distinct; first seen in gradient layers.1.weight of step 0; "
        "1 variation changes nothing"
    )


def test_a_finding_stands_before_what_is_well() -> None:
    wrong = replace(
        ONE_DIVERGENCE.findings[0],
        title="the seed is ignored",
        location=Location("train.py", 3, "main"),
    )
    result = replace(SEEDS, classes=((0, 1), (2,)), findings=(wrong, wrong))
    assert word_headline(result, compared=1) == (
        "the seed is ignored, train.py:3; 1 more; the same seed gives the same over 10 steps"
    )


def test_a_program_that_draws_nothing_is_told_so() -> None:
    equal = replace(SEEDED, streams=(), classes=((0, 1, 2),))
    assert word_headline(equal, compared=1) == (
        "no random number is drawn, and another seed changes nothing; the same seed gives the same "
        "over 10 steps"
    )


def test_a_seed_that_changes_what_nobody_saw_drawn_is_not_said_to_change_nothing() -> None:
    assert word_headline(replace(SEEDED, streams=()), compared=1) == (
        "no line was seen to draw a random number, though another seed changes the result; the "
        "same seed gives the same over 10 steps"
    )


def test_what_was_not_come_to_is_not_known() -> None:
    end = NotChecked(Unchecked.AUDIT_ENDED, "the rest", "it was interrupted before --seed 1")
    result = replace(SEEDED, verdict=Verdict.NOT_AUDITED, streams=(), not_checked=(end,))
    assert word_headline(result, compared=1) == (
        "what another seed changes is not known: it was interrupted before --seed 1; the same seed "
        "gives the same over 10 steps"
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (0, "no seed and no determinism flag is set"),
        (1, "one seed or flag is set"),
        (3, "seeds and flags are set 3 times, 2 of them too late or over others"),
    ],
)
def test_a_timeline_is_counted(settings: int, said: str) -> None:
    result = replace(
        SEEDED,
        verdict=Verdict.NOT_AUDITED,
        streams=(),
        runs=SEEDED.runs[:1],
        classes=(),
        timeline=SEEDS.timeline[:settings],
    )
    assert word_headline(result, compared=0) == f"{said}; one run, nothing was compared"


def test_a_verdict_is_called_as_the_question_asks() -> None:
    assert name_answer(VARY) == "differs"
    assert name_answer(RESUMED) == "equal"
    assert name_answer(SEEDED) == "as expected"
    assert name_answer(replace(VARY, verdict=Verdict.WITHIN_TOLERANCE)) == "within tolerance"
    assert count_answers([VARY, RESUME, SEEDS, RESUMED, REPRODUCIBLE, MANY_VARIATIONS]) == [
        "1 reproducible",
        "1 equal",
        "3 differ",
        "1 not as expected",
    ]


def test_a_resumed_run_that_differs_within_the_tolerance_is_said_to() -> None:
    within = replace(RESUME, verdict=Verdict.WITHIN_TOLERANCE, findings=())
    assert word_headline(within, compared=90) == (
        "a run resumed at step 5 differs from an uninterrupted one, within the tolerance over "
        "5 steps; it lost the scheduler StepLR (not restored), the random stream torch CPU "
        "(shifted) and the position in the data (wrong)"
    )
    assert "no more than the tolerance" in word_confidence(within)


def test_a_program_that_differs_by_itself_is_told_before_its_resumed_run() -> None:
    assert RESUMED.resumption is not None
    held = replace(RESUMED.resumption, held=("seed.python",), answer=Verdict.REPRODUCIBLE)
    result = replace(RESUMED, verdict=Verdict.NOT_REPRODUCIBLE, resumption=held)
    assert word_headline(result, compared=90) == (
        "differs from run to run as it is; with seed.python, a run resumed at step 5 equals an "
        "uninterrupted one over 5 steps: 10 batches, 40 gradients, 40 parameters"
    )
    assert word_confidence(result).endswith("batches included")
    assert ("with", "seed.python, for without it the program differs from run to run") in (
        list_resumption_facts(held)
    )


def test_lost_state_that_no_tensor_shows_is_told_without_a_place() -> None:
    result = replace(RESUME, divergences=(), divergences_total=0)
    said = word_headline(result, compared=90)
    assert said.endswith("; no tensor that was compared over 5 steps shows it yet")
