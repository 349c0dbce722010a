"""Owns the statistics of repeated runs, exactly: what equal runs rule out, and how many of them a
claim needs."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Callable, Sequence

# A term of a falling series below this share of its sum changes nothing in double precision
_NEGLIGIBLE = 1e-18


def bound_rate(level: float, runs: int) -> float | None:
    """Return the upper bound at `level` of the chance that a further run differs.

    It holds when none of `runs` runs differed. Each of the R-1 later runs was compared with the
    first. If a run differs with probability p, all of them agree with probability (1-p)^(R-1); the
    bound is the p at which that is 1-level: 1 - (1-level)^(1/(R-1)), the one-sided Clopper-Pearson
    bound for 0 of R-1. None below two runs: nothing was compared.
    """
    _check_share("level", level)
    if runs < 2:
        return None
    # expm1 and log1p keep the digits that 1 - x would lose for a rate close to 0.
    log_agreement = math.log1p(-level) / (runs - 1)
    return -math.expm1(log_agreement)


def count_runs_to_exclude(level: float, rate: float) -> int:
    """Return how many equal runs rule out a divergence rate above `rate` at `level`.

    It is the smallest such number.
    """
    _check_share("rate", rate)

    def is_enough(runs: int) -> bool:
        bound = bound_rate(level, runs)
        return bound is not None and bound <= rate

    return _find_fewest_runs(is_enough)


def find_interval(level: float, hits: int, trials: int) -> tuple[float, float]:
    """Return the exact two-sided interval at `level` of a probability of which `hits` of `trials`
    were seen.

    Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of
    the binomial": the ends are where the tail of the binomial beyond what was seen has probability
    (1-level)/2. No trials: (0, 1).
    """
    _check_share("level", level)
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} hits of {trials} trials")
    tail = (1.0 - level) / 2.0
    low = _find_lower_end(tail, hits, trials)
    # The upper end for hits is the lower end for misses, seen from the other side.
    high = 1.0 - _find_lower_end(tail, trials - hits, trials)
    return low, high


def estimate_agreement(class_sizes: Sequence[int]) -> float:
    """Return the chance that a further run agrees with the most common result, from the sizes of
    classes of equal runs.

    The first run of the largest class, of m among n runs, is its own reference: m-1 of n-1 others
    agreed. The posterior mean under Jeffreys' prior Beta(1/2, 1/2) is (m-1 + 1/2) / (n-1 + 1) = (m
    - 1/2) / n: below 1 however many agree.
    """
    if not class_sizes or min(class_sizes) < 1:
        raise ValueError(f"classes of {list(class_sizes)} runs")
    largest = max(class_sizes)
    runs = sum(class_sizes)
    return (largest - 0.5) / runs


def count_trial_runs(class_sizes: Sequence[int], chance: float = 0.05) -> int:
    """Return how many runs with a change must be equal before that is no accident: the smallest k
    >= 2.

    If the change did nothing, k-1 runs would agree with the first with probability at most
    agreement^(k-1), which is less than `chance`. `class_sizes` are those of the runs without the
    change.
    """
    _check_share("chance", chance)
    rate = estimate_agreement(class_sizes)

    def is_enough(runs: int) -> bool:
        return rate ** (runs - 1) < chance

    return _find_fewest_runs(is_enough)


def count_runs_to_notice(rate: float, chance: float = 0.05) -> int | None:
    """Return how many runs must be equal before it is improbable that a difference was missed: the
    smallest k >= 2.

    If a run differs from the first with probability `rate` or more, the k-1 others all agree with
    it with probability (1-rate)^(k-1) at most, which is less than `chance`. None for a rate of 0:
    no number is enough.
    """
    _check_share("chance", chance)
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"rate must lie between 0 and 1, not {rate}")
    if rate == 0.0:
        return None
    # A rate of 1 leaves nothing to chance from the second run on.
    return _find_fewest_runs(lambda runs: (1.0 - rate) ** (runs - 1) < chance)


def _find_fewest_runs(suffices: Callable[[int], bool]) -> int:
    """Return the smallest number from 2 that suffices, where every larger one does too."""
    # Bisected over a range that is never made: a low rate may need millions of runs.
    counts = range(2, sys.maxsize)
    place = bisect_left(counts, True, key=suffices)
    return counts[place]


def _find_lower_end(tail: float, hits: int, trials: int) -> float:
    """Return the p at which `hits` or more of `trials` have probability `tail`, by bisection.

    At p = hits/trials that probability is at least 1/2, so p lies below, where the terms from
    `hits` on only fall.
    """
    if hits == 0:
        return 0.0
    # In logarithms, for the number of ways is soon larger than a float can hold.
    log_ways = math.log(math.comb(trials, hits))
    low = 0.0
    high = hits / trials
    middle = (low + high) / 2.0
    # Halved until no double lies between the two ends.
    while low < middle < high:
        log_hits = hits * math.log(middle)
        log_misses = (trials - hits) * math.log1p(-middle)
        first_term = math.exp(log_ways + log_hits + log_misses)
        odds = middle / (1.0 - middle)
        probability = first_term * _sum_series(hits, trials, odds)
        if probability < tail:
            low = middle
        else:
            high = middle
        middle = (low + high) / 2.0
    return low


def _sum_series(hits: int, trials: int, odds: float) -> float:
    """Return the binomial probability of `hits` or more over that of `hits` exactly.

    `odds` are p/(1-p).
    """
    terms = [1.0]
    for count in range(hits, trials):
        # Each term is the one before it times the ratio of two neighbouring probabilities.
        term = terms[-1] * odds * (trials - count) / (count + 1)
        if term < _NEGLIGIBLE:
            break
        terms.append(term)
    return math.fsum(terms)


def _check_share(name: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")
