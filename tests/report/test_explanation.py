"""What `reproaudit explain` knows: everything that a report or an error names, by whatever name it
goes."""

from __future__ import annotations

import re

import pytest

from reproaudit.errors import UsageError
from reproaudit.knowledge import documentation
from reproaudit.knowledge.catalogue import ERRORS
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.mechanisms import MECHANISMS
from reproaudit.knowledge.rules import ALL_RULES, QUESTION_RULES, RULES, WARNINGS
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.model.cause import Cause
from reproaudit.report.explanation import explain, list_names


@pytest.mark.parametrize("cause", Cause, ids=lambda cause: cause.value)
def test_a_cause_and_its_rule_have_one_page(cause: Cause) -> None:
    page = explain(cause.value)
    assert page == explain(RULES[cause].id)
    assert page.startswith(f"{RULES[cause].id}, {cause.value}: ")


def test_a_rule_is_found_however_it_is_typed() -> None:
    assert explain(" ra401") == explain("RA401")


def test_the_page_of_a_cause_names_what_removes_it() -> None:
    assert re.search(
        r"^  hash\.seed +Python's string hashes are fixed$", explain("hash-order"), re.MULTILINE
    )


@pytest.mark.parametrize("name", WARNINGS)
def test_a_warning_has_a_page_without_interventions(name: str) -> None:
    page = explain(name)
    assert page.startswith(f"{name}, a warning: ")
    assert "Interventions" not in page


@pytest.mark.parametrize("name", INTERVENTIONS)
def test_the_page_of_an_intervention_says_how_it_acts_what_it_removes_and_what_to_write(
    name: str,
) -> None:
    entry, page = INTERVENTIONS[name], explain(name)
    how = page[page.index("\nHow\n") : page.index("\nRemoves\n")]
    assert len(how.strip().splitlines()) >= 2
    assert all(RULES[cause].id in page for cause in entry.causes)
    assert all(f"    {line}" in page.splitlines() for line in entry.patch)


@pytest.mark.parametrize("name", ["interpolation-backward", "aten::upsample_bilinear2d_backward"])
def test_a_mechanism_is_explained_by_its_own_name_and_by_that_of_an_operator(name: str) -> None:
    page = explain(name)
    assert page.startswith("interpolation-backward, a mechanism on a GPU of RA401 kernel\n")
    assert "  kernels.deterministic  " in page
    assert "torch.nn.functional.interpolate" in page


def test_the_settings_of_an_intervention_are_shown() -> None:
    assert "  hash_seed = 0\n" in explain("hash.seed")
    assert "  env.TORCHDYNAMO_DISABLE = 1\n" in explain("compile.off")


@pytest.mark.parametrize("code", ERRORS)
def test_an_error_code_has_a_page_of_sentences(code: str) -> None:
    page = explain(code)
    assert page.startswith(f"{code}, an error\n\n  ")
    assert page.endswith(".\n")


def test_the_list_holds_everything_that_can_be_explained() -> None:
    words = set(re.findall(r"[\w.-]+", list_names()))
    assert words.issuperset(
        {*WARNINGS, *QUESTION_RULES, *INTERVENTIONS, *ERRORS, *(entry.id for entry in MECHANISMS)}
    )
    assert words.issuperset(
        {word for cause, rule in RULES.items() for word in (cause.value, rule.id)}
    )


def test_prose_keeps_to_a_hundred_columns() -> None:
    pages = [explain(code) for code in ERRORS] + [explain(rule.id) for rule in RULES.values()]
    assert max(len(line) for page in pages for line in page.splitlines() if ". " in line) <= 100


@pytest.mark.parametrize(
    ("typed", "meant"), [("kernal", "'kernel'"), ("RA4O1", "'ra401'"), ("hashseed", "'hash.seed'")]
)
def test_a_name_that_is_not_known_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match="nothing to explain") as raised:
        explain(typed)
    assert raised.value.code == "explain-unknown"
    assert meant in raised.value.hint


@pytest.mark.parametrize("name", VARIATIONS)
def test_a_variation_has_a_page_that_says_how_it_is_made(name: str) -> None:
    page = explain(name)
    assert page.startswith(f"{name}, a variation: {VARIATIONS[name].what}\n\nHow\n")
    assert name in list_names()
    assert re.search(rf"^  {re.escape(name)} ", explain("vary"), re.MULTILINE)


def test_the_page_of_a_variation_tells_what_is_expected_from_a_bug() -> None:
    assert "\n  expected: each thread adds up its own part" in explain("threads")
    assert "\n  a bug: the order of a set of strings" in explain("hash_seed")


@pytest.mark.parametrize("name", ALL_RULES)
def test_the_page_of_a_rule_tells_it_from_what_looks_like_it(name: str) -> None:
    page = explain(name)
    alike = page[page.index("\nWhat else looks like it\n") : page.index("\nSee also\n")]
    assert len(alike.strip().splitlines()) >= 3


def test_the_page_of_a_rule_links_to_the_site_only_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "://" not in explain("RA401")
    assert "why/ra401.html of the documentation" in explain("RA401")
    monkeypatch.setattr(documentation, "SITE", "https://docs.example.org/")
    assert "  https://docs.example.org/why/ra401.html: a program" in explain("RA401")
