"""Columns of whole streams of events: hashed row by row, counted, looked up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.interning import Ids

Keys = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


def mix(*columns: npt.NDArray[np.generic]) -> Keys:
    """Hash equally long integer columns row by row to 64 bits.

    For grouping only: whether contents are equal, their own digests decide.
    """
    # The finaliser of SplitMix64, once per column.
    result = np.full(len(columns[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for column in columns:
        result ^= column.astype(np.uint64)
        result *= np.uint64(0xBF58476D1CE4E5B9)
        result ^= result >> np.uint64(29)
        result *= np.uint64(0x94D049BB133111EB)
        result ^= result >> np.uint64(32)
    return result


def occurrences(groups: Keys) -> Ids:
    """Number the occurrences of each value in their order: [7, 3, 7] gives [0, 0, 1]."""
    order = np.argsort(groups, kind="stable")
    found = np.empty(len(groups), dtype=np.int64)
    found[order] = within_runs(groups[order])
    return found


def within_runs(groups: Keys) -> Ids:
    """Number the elements of each run of equal values: [7, 7, 3] gives [0, 1, 0]."""
    if not len(groups):
        return np.zeros(0, dtype=np.int64)
    is_start = np.ones(len(groups), dtype=np.bool_)
    is_start[1:] = groups[1:] != groups[:-1]
    starts = np.flatnonzero(is_start)
    lengths = np.diff(starts, append=len(groups))
    return np.arange(len(groups)) - np.repeat(starts, lengths)


def are_among(values: Keys, others: Keys) -> Mask:
    """Mark the values that are among the others.

    Unlike NumPy's `isin`, this is as fast per value with millions as with few.
    """
    if not len(others):
        return np.zeros(len(values), dtype=np.bool_)
    ordered = np.sort(others)
    # In rising order, so that one search finds in the cache what the last one left there.
    order = np.argsort(values)
    rising = values[order]
    # A value above all others would stand behind the last one.
    nearest = np.minimum(np.searchsorted(ordered, rising), len(ordered) - 1)
    found = np.empty(len(values), dtype=np.bool_)
    found[order] = ordered[nearest] == rising
    return found
