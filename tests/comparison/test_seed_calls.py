"""Which seeding calls follow the seed, and which a seed of 0 does not reach."""

from __future__ import annotations

from reproaudit.comparison.seed_calls import SeedCall, SeedCalls, find_following, find_unlike
from reproaudit.model.events import Location


def call(shown: str, line: int = 1, name: str = "torch.manual_seed") -> SeedCall:
    return SeedCall(
        process="",
        event=line,
        name=name,
        stream="torch",
        shown=shown,
        occurrence=0,
        location=Location("train.py", line),
    )


def under_zero(one: str, two: str, zero: str | None) -> bool:
    """Return True if the call is found to be unlike what seeds 1 and 2 lead to."""
    calls = SeedCalls(() if zero is None else (call(zero),))
    return bool(find_unlike([(call(one), call(two))], (1, 2), calls, 0))


def test_a_call_follows_that_is_given_something_else_under_each_other_seed() -> None:
    base = SeedCalls((call("(1,)", 1), call("(42,)", 2), call("(1,)", 3)))
    others = [
        SeedCalls((call("(2,)", 1), call("(42,)", 2), call("(1,)", 3))),
        SeedCalls((call("(0,)", 1), call("(42,)", 2), call("(0,)", 3))),
    ]
    assert find_following(base, others) == {base.calls[0]}


def test_a_call_without_a_seed_follows_none() -> None:
    asked = call("123", name="torch.seed")
    assert find_following(SeedCalls((asked,)), [SeedCalls((call("456", name="torch.seed"),))]) == (
        frozenset()
    )


def test_a_seed_of_zero_must_lead_where_the_others_do() -> None:
    assert not under_zero("(1,)", "(2,)", "(0,)")
    assert under_zero("(1,)", "(2,)", "(42,)")
    assert under_zero("(1,)", "(2,)", None)


def test_a_constant_is_added_to_a_seed_of_zero_as_to_the_others() -> None:
    assert not under_zero("([1001, 5],)", "([1002, 5],)", "([1000, 5],)")
    assert under_zero("([1001, 5],)", "([1002, 5],)", "([1042, 5],)")


def test_of_a_seed_that_is_mixed_nothing_is_said() -> None:
    assert not under_zero("(9183,)", "(22,)", "(777,)")
