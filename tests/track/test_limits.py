"""What fits into a tracker, and what is said of the rest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reproaudit.track.limits import Limits, fit_pairs, make_unique

LIMITS = Limits(name=10, value=20, pairs=3)


def test_what_fits_is_left_as_it_is() -> None:
    pairs = [("a", "1"), ("b", "x" * 20)]
    assert fit_pairs(pairs, LIMITS, "param") == (dict(pairs), [])


def test_a_long_value_is_cut_and_that_is_said() -> None:
    fitting, said = fit_pairs([("a", "x" * 10_000)], LIMITS, "param")
    assert fitting == {"a": "x" * 19 + "…"}
    assert said == ["param a: 20 of its 10,000 characters"]


def test_more_than_fit_are_counted() -> None:
    pairs = [(str(number), "") for number in range(300)]
    fitting, said = fit_pairs(pairs, LIMITS, "param")
    assert list(fitting) == ["0", "1", "2"]
    assert said == ["297 params, beyond the first 3"]


def test_names_that_are_cut_alike_stay_apart() -> None:
    fitting, _ = fit_pairs([("n" * 12 + end, end) for end in "abc"], LIMITS, "param")
    assert list(fitting.values()) == ["a", "b", "c"]


@given(st.lists(st.tuples(st.text(), st.text())))
def test_nothing_exceeds_a_limit(pairs: list[tuple[str, str]]) -> None:
    fitting, _ = fit_pairs(pairs, LIMITS, "param")
    assert len(fitting) == min(len(pairs), LIMITS.pairs)
    assert all(len(name) <= 10 and len(value) <= 20 for name, value in fitting.items())


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert make_unique("a", ["a", "a-2"], 10) == "a-3"
    assert make_unique("n" * 10, ["n" * 10], 10) == "n" * 8 + "-2"
