"""Runs of different lengths, or recorded at different levels, compared as far as all of them go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.tables import Table, tabulate_boundaries
from reproaudit.model.events import EventKind, OutcomeKind
from reproaudit.trace.runs import Run

# What a run leaves at its end is no part of its beginning.
_STEPWISE = [int(kind) for kind in (EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)]


def count_alike(runs: Sequence[Run], interned: Interned) -> list[int]:
    """Return how many of the runs are alike as far as all go, for each group of such runs.

    One that was stopped before it could tell groups apart is in none of them.
    """
    firsts: list[Run] = []
    counts: list[int] = []
    # Those that went far first: a short one is like each of those that part later.
    for run in sorted(runs, key=_is_stopped):
        alike = [number for number, first in enumerate(firsts) if _are_alike(first, run, interned)]
        if not alike:
            firsts.append(run)
            counts.append(1)
        elif len(alike) == 1:
            counts[alike[0]] += 1
    return counts


def _are_alike(a: Run, b: Run, interned: Interned) -> bool:
    """Return True if two runs are equal as far as both go."""
    ends = [(run.steps, run.outcome.kind, run.outcome.code) for run in (a, b)]
    if ends[0] == ends[1]:
        pair = [replace(run, index=index) for index, run in enumerate((a, b))]
        return len(compare_boundaries(pair, interned).classes) == 1
    if _is_stopped(a) == _is_stopped(b):
        # Both came to an end of their own. Of those that were stopped one has an earlier limit.
        return _is_stopped(a) and not begin_differently(a, b, interned)
    stopped, ended = (a, b) if _is_stopped(a) else (b, a)
    return stopped.steps <= ended.steps and not begin_differently(a, b, interned)


def _is_stopped(run: Run) -> bool:
    return run.outcome.kind is OutcomeKind.STOPPED


def begin_differently(a: Run, b: Run, interned: Interned) -> bool:
    """Return True if a deciding tensor of a step that both runs made is in both, and differs."""
    steps = min(a.steps, b.steps)
    keys_a, digests_a = _select(a, tabulate_boundaries(a, interned), steps)
    keys_b, digests_b = _select(b, tabulate_boundaries(b, interned), steps)
    _, rows_a, rows_b = np.intersect1d(keys_a, keys_b, assume_unique=True, return_indices=True)
    return bool((digests_a[rows_a] != digests_b[rows_b]).any())


def _select(run: Run, table: Table, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the keys and digests of the deciding tensors of the first steps."""
    is_early = np.zeros(len(table.keys), dtype=np.bool_)
    for number, (_, trace) in enumerate(run.traces):
        rows = np.flatnonzero(table.processes == number)
        is_early[rows] = trace.columns.step[table.events[rows]] < steps
    # Other threads have no common order.
    is_alike = is_early & ~table.threaded & np.isin(table.kinds, _STEPWISE)
    chosen = table.deciding & is_alike
    return table.keys[chosen], table.digests[chosen]
