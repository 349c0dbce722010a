"""What runs allow to be claimed: exact bounds, checked against scipy and against binomials counted
out in full."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from reproaudit.model.confidence import (
    bound_rate,
    count_runs_to_exclude,
    count_runs_to_notice,
    count_trial_runs,
    estimate_agreement,
    find_interval,
)

LEVELS = st.floats(0.01, 0.999)


def probability(hits: int, trials: int, rate: float) -> float:
    return math.comb(trials, hits) * rate**hits * (1 - rate) ** (trials - hits)


def clopper_pearson(level: float, hits: int, trials: int) -> tuple[float, float]:
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    return low, float(beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0


def test_five_equal_runs_leave_a_divergence_rate_of_about_a_half() -> None:
    assert bound_rate(0.95, 5) == pytest.approx(1 - 0.05**0.25)


def test_one_run_rules_nothing_out() -> None:
    assert bound_rate(0.95, 1) is None


@given(LEVELS, st.integers(2, 10_000))
def test_the_bound_is_the_rate_at_which_equal_runs_are_just_improbable(
    level: float, runs: int
) -> None:
    rate = bound_rate(level, runs)
    assert rate is not None
    assert (1 - rate) ** (runs - 1) == pytest.approx(1 - level)


@given(LEVELS, st.integers(2, 10_000))
def test_more_equal_runs_and_a_lower_level_tighten_the_bound(level: float, runs: int) -> None:
    rate = bound_rate(level, runs)
    assert rate is not None
    assert rate > (bound_rate(level, runs + 1) or 1.0)
    assert rate > (bound_rate(level / 2, runs) or 1.0)


def test_a_rate_of_one_in_twenty_takes_91_runs_to_rule_out_at_99_percent() -> None:
    assert count_runs_to_exclude(0.99, 0.05) == 91


@given(LEVELS, st.floats(1e-6, 0.999))
@example(0.75, 0.5)
def test_the_runs_needed_suffice_and_one_fewer_does_not(level: float, rate: float) -> None:
    runs = count_runs_to_exclude(level, rate)
    assert (bound_rate(level, runs) or 1.0) <= rate
    assert runs == 2 or (bound_rate(level, runs - 1) or 0.0) > rate


@settings(deadline=None)
@given(LEVELS, st.integers(0, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@example(0.95, (0, 0))
@example(0.95, (1, 10_000))
@example(0.999, (5_000, 10_000))
def test_the_interval_is_scipys(level: float, seen: tuple[int, int]) -> None:
    expected = clopper_pearson(level, *seen) if seen[1] else (0.0, 1.0)
    assert find_interval(level, *seen) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("trials", [1, 4, 20])
def test_the_interval_covers_any_rate_at_least_as_often_as_it_says(
    level: float, trials: int
) -> None:
    ends = [find_interval(level, hits, trials) for hits in range(trials + 1)]
    for rate in (number / 200 for number in range(201)):
        covered = sum(
            probability(hits, trials, rate)
            for hits, (low, high) in enumerate(ends)
            if low <= rate <= high
        )
        assert covered >= level - 1e-12


@given(LEVELS, st.integers(1, 50).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_more_hits_move_both_ends_up(level: float, seen: tuple[int, int]) -> None:
    hits, trials = seen
    before, after = find_interval(level, hits, trials), find_interval(level, hits + 1, trials)
    assert before[0] < after[0]
    assert before[1] < after[1] or before[1] == after[1] == 1.0


@given(LEVELS, st.integers(1, 50).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_hits_and_misses_change_places_with_the_ends(level: float, seen: tuple[int, int]) -> None:
    hits, trials = seen
    low, high = find_interval(level, hits, trials)
    assert find_interval(level, trials - hits, trials) == pytest.approx((1 - high, 1 - low))


def test_more_hits_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="6 hits of 5 trials"):
        find_interval(0.95, 6, 5)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, math.nan])
def test_a_level_outside_of_zero_to_one_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        bound_rate(level, 5)


def test_runs_that_are_all_alike_are_not_sure_to_agree_again() -> None:
    assert estimate_agreement([5]) == 0.9


@pytest.mark.parametrize("sizes", [[], [0], [3, -1]])
def test_classes_without_runs_are_refused(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="classes"):
        estimate_agreement(sizes)


@pytest.mark.parametrize(
    ("sizes", "runs"), [([1] * 5, 3), ([4, 1], 10), ([27, 3], 26), ([1, 1], 4)]
)
def test_the_rarer_the_difference_the_more_runs_a_fix_has_to_pass(
    sizes: list[int], runs: int
) -> None:
    assert count_trial_runs(sizes) == runs


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.floats(0.001, 0.5))
def test_so_many_runs_agree_by_chance_less_often_than_asked(
    sizes: list[int], chance: float
) -> None:
    runs = count_trial_runs(sizes, chance)
    assert estimate_agreement(sizes) ** (runs - 1) < chance
    assert runs == 2 or estimate_agreement(sizes) ** (runs - 2) >= chance


@given(st.floats(0.001, 1.0), st.floats(0.001, 0.5))
def test_a_difference_of_that_rate_is_missed_less_often_than_asked(
    rate: float, chance: float
) -> None:
    runs = count_runs_to_notice(rate, chance)
    assert runs is not None
    assert (1 - rate) ** (runs - 1) < chance
    assert runs == 2 or (1 - rate) ** (runs - 2) >= chance


def test_what_may_never_differ_is_noticed_by_no_number_of_runs() -> None:
    assert count_runs_to_notice(0.0) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        count_runs_to_notice(1.5)
