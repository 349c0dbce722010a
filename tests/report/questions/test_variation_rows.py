"""Variations in words, the gravest first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.model.difference import Difference
from reproaudit.model.question import Dependence, Trend
from reproaudit.report.questions.variation_rows import (
    choose_finding,
    group_differing,
    list_equal,
    list_not_tried,
    list_tolerated,
    list_variation_rows,
    name_settings,
    word_distance,
    word_far,
    word_group,
)
from tests.report.question_cases import FAR, HASH_ORDER, NEAR, OTHER_SUM, VARY


def test_bugs_come_first_and_what_was_not_tried_last() -> None:
    assert [row.answer for row in list_variation_rows(VARY)] == [
        "a bug",
        "a bug",
        "not explained",
        "as documented",
        "as documented",
        "within tolerance",
        "equal",
        "equal",
        "equal",
        "not tried",
        "not tried",
        "not tried",
    ]


def test_a_row_names_the_operator_and_the_line_that_depend_on_a_variation() -> None:
    first = list_variation_rows(VARY, 1)
    assert [(row.setting, row.source, row.line, row.run) for row in first] == [
        ("hash_seed=1", "aten::embedding", "vocabulary.py:17", 3)
    ]


def test_values_that_share_a_dependence_are_told_together() -> None:
    told = [(name_settings(group.outcomes), group.finding) for group in group_differing(VARY)]
    assert told == [
        ("hash_seed=1", HASH_ORDER),
        ("timezone=Asia/Tokyo", VARY.findings[2]),
        ("torch=/opt/torch-2.14", None),
        ("threads=1 and 4", OTHER_SUM),
        ("mkldnn=off", None),
    ]


def test_the_finding_of_the_gravest_dependence_stands_for_all() -> None:
    assert choose_finding(VARY) is HASH_ORDER
    assert choose_finding(replace(VARY, variations=())) is OTHER_SUM
    assert choose_finding(replace(VARY, findings=())) is None


def test_a_finding_is_tolerated_if_all_its_variations_are() -> None:
    within = replace(VARY.variations[0], is_within_tolerance=True)
    assert list_tolerated(VARY) == frozenset()
    both = (within, VARY.variations[1])
    assert list_tolerated(replace(VARY, variations=both)) == frozenset()
    assert list_tolerated(replace(VARY, variations=(within,))) == {0}


def test_reasons_for_what_was_not_tried_are_given_once() -> None:
    assert list(list_not_tried(VARY)) == [
        "workers=0 and 4: the program has no DataLoader",
        "device=cuda: there is no GPU on this machine",
    ]


def test_what_is_said_of_equal_ones_is_told_and_most_have_nothing() -> None:
    said = replace(VARY.variations[4], why="8 answers to one prompt, 1 unique")
    assert list(list_equal(VARY)) == []
    assert list(list_equal(replace(VARY, variations=(said, *VARY.variations[5:7])))) == [
        "locales=C: 8 answers to one prompt, 1 unique"
    ]


def test_a_value_under_which_the_program_fails_is_no_dependence() -> None:
    failed = replace(
        VARY.variations[2], finding=None, dependence=Dependence.FAILS, why="ValueError: no mode 1"
    )
    result = replace(VARY, findings=(), variations=(VARY.variations[0], failed))
    assert [row.answer for row in list_variation_rows(result)] == ["fails", "as documented"]
    assert word_group(result, group_differing(result)[0]) == (
        "the program fails under hash_seed=1: ValueError: no mode 1"
    )


def test_many_values_of_one_variation_are_counted() -> None:
    outcomes = [replace(VARY.variations[0], value=str(number)) for number in range(12)]
    assert name_settings(outcomes) == "threads=0, 1, 2, 3, 4, 5, 6, 7 and 4 more"


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (None, ""),
        (FAR, "other sign"),
        (NEAR, "3 ULP"),
        (Difference(4, 1, None, 2.0, 0.5), "2 abs"),
        (Difference(4, 1, nan_against_number=1), "NaN on one side"),
        (Difference(4, 1, 0, 0.0, zero_sign=1), "sign of zero"),
        (Difference(4, 1, nan_payload=1), "NaN payload"),
    ],
)
def test_a_distance_is_told_shortly(difference: Difference | None, said: str) -> None:
    assert word_distance(difference) == said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"trend": Trend.GROWING}, "3 ULP from step 2, growing"),
        ({"trend": Trend.UNKNOWN}, "3 ULP from step 2"),
        ({"trend": Trend.NONE}, "3 ULP at step 2"),
        ({"step": 10}, "3 ULP after the last step"),
        ({"step": None}, "3 ULP"),
        ({"difference": None}, "from step 2, growing"),
        ({"dependence": Dependence.NONE}, ""),
    ],
)
def test_how_far_says_from_which_step_on_and_whether_it_grows(
    facts: dict[str, object], said: str
) -> None:
    outcome = replace(VARY.variations[0], **facts)
    assert word_far(VARY, outcome) == said
