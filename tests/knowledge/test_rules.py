"""The table of rules: complete, stable ids, and something to read in each entry."""

from __future__ import annotations

import textwrap

import pytest

from reproaudit.knowledge.rules import QUESTION_RULES, RULES, WARNINGS, Rule
from reproaudit.model.cause import Cause

EVERY_RULE = (*RULES.values(), *WARNINGS.values(), *QUESTION_RULES.values())


def ids_of(rule: Rule) -> str:
    return rule.id


def test_every_cause_has_one_rule() -> None:
    assert set(RULES) == set(Cause)
    assert all(rule.cause is cause for cause, rule in RULES.items())


def test_no_two_rules_share_an_id() -> None:
    assert len({rule.id for rule in EVERY_RULE}) == len(EVERY_RULE)


@pytest.mark.parametrize(
    ("cause", "rule"),
    [
        (Cause.UNSEEDED_RNG, "RA101"),
        (Cause.HASH_ORDER, "RA202"),
        (Cause.KERNEL, "RA401"),
        (Cause.UNKNOWN, "RA999"),
    ],
)
def test_an_id_that_users_have_written_down_keeps_its_meaning(cause: Cause, rule: str) -> None:
    assert RULES[cause].id == rule


@pytest.mark.parametrize("rule", EVERY_RULE, ids=ids_of)
def test_an_explanation_is_three_to_eight_lines_of_whole_sentences(rule: Rule) -> None:
    assert 3 <= len(textwrap.wrap(rule.explanation, 98)) <= 8
    assert rule.explanation == " ".join(rule.explanation.split())
    assert rule.explanation.endswith(".")
    assert rule.references


@pytest.mark.parametrize("rule", EVERY_RULE, ids=ids_of)
def test_titles_and_advice_fit_into_a_sentence_of_a_report(rule: Rule) -> None:
    for text in (rule.title, rule.advice):
        assert text.isprintable()
        assert len(text) <= 100
        assert not text.endswith(".")
