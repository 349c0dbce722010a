"""How long runs are said to take: what supports a number, and what none."""

from __future__ import annotations

import pytest

from reproaudit.runs.time_left import TimeLeft, word_time_left


def test_a_first_run_says_nothing_until_some_steps_are_over() -> None:
    left = TimeLeft()
    assert left.estimate(0) is None
    left.begin(0, 10, 4)
    assert left.estimate(5) is None
    # It starts for 5 s; what a step takes shows from the first one on.
    for done, now_s in ((1, 5), (2, 6), (3, 7)):
        left.step(now_s, done)
        assert left.estimate(now_s) is None
    left.step(8, 4)
    assert left.estimate(8) == 6 + 4 * (8 + 6)


def test_without_a_number_of_steps_nothing_is_said_of_a_first_run() -> None:
    left = TimeLeft()
    left.begin(0, None, 1)
    for done in range(1, 20):
        left.step(done, done)
    assert left.estimate(20) is None
    left.begin(20, None, 0)
    assert left.estimate(25) == 15


def test_runs_that_are_over_say_how_long_those_to_come_take() -> None:
    left = TimeLeft()
    left.begin(0, 10, 4)
    left.begin(20, 10, 3)  # the first one took 20 s
    assert left.estimate(20) == 20 + 3 * 20
    assert left.estimate(25) == 15 + 3 * 20
    # One that takes longer than those before: what is left of it cannot be less than nothing.
    assert left.estimate(50) == 3 * 20
    left.begin(60, 10, 2)
    assert left.estimate(60) == 30 + 2 * 30  # the median of 20 and 40


def test_a_slow_run_is_seen_by_its_steps() -> None:
    left = TimeLeft()
    left.begin(0, 10, 1)
    left.begin(10, 10, 0)
    left.step(20, 1)
    left.step(50, 4)
    assert left.estimate(50) == 60


def test_other_runs_say_nothing_of_these() -> None:
    left = TimeLeft()
    left.begin(0, 10, 1)
    left.begin(20, 10, 0)
    left.begin(40, 10, 2)  # another trial
    assert left.estimate(45) is None
    left.begin(50, 10, 2)  # and another: it is not the next of the former
    assert left.estimate(55) is None


def test_steps_that_are_told_twice_or_past_the_end_do_no_harm() -> None:
    left = TimeLeft()
    left.begin(0, 3, 0)
    for done in (0, 1, 2, 3, 5):
        left.step(done, done)
    assert left.estimate(5) == 0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (0, "a few seconds left"),
        (9.9, "a few seconds left"),
        (12, "about 10 s left"),
        (44, "about 40 s left"),
        (89, "about 90 s left"),
        (100, "about 2 min left"),
        (5_000, "about 83 min left"),
        (9_000, "about 2 h left"),
        (1e6, "about 278 h left"),
    ],
)
def test_time_is_said_no_more_exactly_than_it_is_known(seconds: float | None, said: str) -> None:
    assert word_time_left(seconds) == said
