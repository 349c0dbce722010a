"""Columns of whole streams of events: hashed row by row, counted, looked up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reproaudit.compare.interning import Ids


def mix(*columns: npt.NDArray[np.generic]) -> npt.NDArray[np.uint64]:
    """Hash equally long integer columns row by row to 64 bits, for grouping; equality is the
    digests' job."""
    result = np.full(len(columns[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for column in columns:
        result ^= column.astype(np.uint64)
        result *= np.uint64(0xBF58476D1CE4E5B9)
        result ^= result >> np.uint64(29)
        result *= np.uint64(0x94D049BB133111EB)
        result ^= result >> np.uint64(32)
    return result


def occurrences(groups: npt.NDArray[np.uint64]) -> Ids:
    """Number the occurrences of each value in their order: [7, 3, 7] gives [0, 0, 1]."""
    order = np.argsort(groups, kind="stable")
    found = np.empty(len(groups), dtype=np.int64)
    found[order] = within_runs(groups[order])
    return found


def within_runs(groups: npt.NDArray[np.uint64]) -> Ids:
    """Number the elements of each run of equal values: [7, 7, 3] gives [0, 1, 0]."""
    if not len(groups):
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.r_[starts, len(groups)]))


def are_among(
    values: npt.NDArray[np.uint64], others: npt.NDArray[np.uint64]
) -> npt.NDArray[np.bool_]:
    """Tell which values are among the others; unlike NumPy's `isin` as fast per value with millions
    as with few."""
    if not len(others):
        return np.zeros(len(values), dtype=np.bool_)
    ordered = np.sort(others)
    found: npt.NDArray[np.bool_] = (
        ordered[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)] == values
    )
    return found
