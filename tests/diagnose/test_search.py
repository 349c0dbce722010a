"""The search for a sufficient set of interventions, and its shrinking."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reproaudit.diagnose.search import Names, PlainRunsAgree, Search
from reproaudit.model.result import Trial

LETTERS = "abcdefghijklmnop"


def searching(needed: set[str]) -> tuple[Search, list[Names]]:
    """Return a search in which a set is enough if it holds all of `needed`, and the list of what
    was tried."""
    tried: list[Names] = []

    def attempt(names: Names) -> Trial:
        tried.append(names)
        return Trial(names, 3, needed <= set(names), plain_differ=True)

    return Search(attempt), tried


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(LETTERS), min_size=1, max_size=16, unique=True), st.randoms())
@example(list(LETTERS), __import__("random").Random(0))
def test_what_remains_is_exactly_what_is_needed(names: list[str], random: object) -> None:
    needed = set(random.sample(names, random.randint(1, len(names))))  # type: ignore[attr-defined]
    search, _ = searching(needed)
    assert set(search.shrink(names)) == needed


def test_one_cause_among_sixteen_is_found_by_halving() -> None:
    search, tried = searching({"k"})
    assert search.shrink(list(LETTERS)) == ("k",)
    assert len(tried) <= 8


def test_what_is_known_to_be_needed_is_not_left_out_to_see() -> None:
    search, tried = searching({"a", "b"})
    assert search.shrink(("a", "b"), needed={"a", "b"}) == ("a", "b")
    assert tried == []


def test_what_nothing_says_is_needed_is_left_out_first() -> None:
    search, tried = searching({"a"})
    assert search.shrink(("a", "b"), needed={"a"}) == ("a",)
    assert tried == [("a",)]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(LETTERS), min_size=1, max_size=16, unique=True), st.randoms())
def test_with_what_is_known_to_be_needed_the_same_remains(names: list[str], random: object) -> None:
    needed = set(random.sample(names, random.randint(1, len(names))))  # type: ignore[attr-defined]
    known = set(random.sample(sorted(needed), random.randint(0, len(needed))))  # type: ignore[attr-defined]
    search, _ = searching(needed)
    assert set(search.shrink(names, known)) == needed


def test_a_single_intervention_is_not_tried_again_to_be_shrunk() -> None:
    search, tried = searching({"a"})
    assert search.is_enough(("a",))
    assert search.shrink(("a",)) == ("a",)
    assert tried == [("a",)]


def test_a_set_is_run_once_whatever_the_order_of_its_names() -> None:
    search, tried = searching({"a", "b"})
    assert search.is_enough(("a", "b"))
    assert search.is_enough(("b", "a", "a"))
    assert tried == [("a", "b")]
    assert [trial.settings for trial in search.trials] == [("a", "b")]


def test_the_first_sufficient_set_ends_the_search() -> None:
    search, tried = searching({"b"})
    assert search.find_first_enough([("a",), ("a", "b"), ("a", "b", "c")]) == ("a", "b")
    assert tried == [("a",), ("a", "b")]


def test_an_empty_set_is_never_tried() -> None:
    search, tried = searching({"a"})
    assert search.find_first_enough([()]) is None
    assert tried == []


def test_what_was_tried_before_the_end_of_the_budget_stays() -> None:
    def attempt(names: Names) -> Trial:
        if names == ("b",):
            raise TimeoutError
        return Trial(names, 2, False)

    search = Search(attempt)
    with pytest.raises(TimeoutError):
        search.find_first_enough([("a",), ("b",)])
    assert [trial.settings for trial in search.trials] == [("a",)]


def test_the_smallest_set_that_was_proven_stays_known_when_shrinking_is_cut_short() -> None:
    tried: list[Names] = []

    def attempt(names: Names) -> Trial:
        tried.append(names)
        if len(tried) > 3:
            raise TimeoutError
        return Trial(names, 3, {"a", "b"} <= set(names), plain_differ=True)

    search = Search(attempt)
    assert search.find_first_enough([tuple(LETTERS)]) is not None
    with pytest.raises(TimeoutError):
        search.shrink(tuple(LETTERS))
    assert search.smallest == tuple("abcd")


def test_an_equal_trial_without_its_control_is_not_enough() -> None:
    search = Search(lambda names: Trial(names, 3, is_equal=True))
    assert not search.is_enough(("a",))
    assert search.smallest is None


def test_the_search_ends_once_plain_runs_are_equal_too() -> None:
    search = Search(lambda names: Trial(names, 3, is_equal=True, plain_differ=False))
    with pytest.raises(PlainRunsAgree):
        search.find_first_enough([("a",), ("b",)])
    assert [trial.settings for trial in search.trials] == [("a",)]
    assert search.smallest is None


def test_a_part_is_proven_by_its_own_trial_or_else_by_that_of_the_whole() -> None:
    search, _ = searching({"a"})
    search.find_first_enough([("b",), ("a", "b"), ("a",)])
    assert search.find_proof(("a",), ("a", "b")).settings == ("a", "b")
    assert search.is_enough(("a",))
    assert search.find_proof(("a",), ("a", "b")).settings == ("a",)
    assert search.find_proof(("b",), ("a", "b")).settings == ("a", "b")
