"""Runs of different lengths, or recorded at different levels, compared as far as all of them go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.interning import Interned
from reproaudit.compare.tables import Table, tabulate_boundaries
from reproaudit.model.events import EventKind
from reproaudit.trace.runs import Run

# What a run leaves at its end is no part of its beginning.
_STEPWISE = [int(kind) for kind in (EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)]


def count_alike(runs: Sequence[Run], interned: Interned) -> list[int]:
    """Return how many of the runs are alike as far as all go, for each group of such runs."""
    lengths = {(run.steps, run.outcome.kind, run.outcome.code) for run in runs}
    if len(lengths) == 1:
        numbered = [replace(run, index=index) for index, run in enumerate(runs)]
        return [len(group) for group in compare_boundaries(numbered, interned).classes]
    firsts: list[Run] = []
    counts: list[int] = []
    for run in runs:
        for number, first in enumerate(firsts):
            if not begin_differently(first, run, interned):
                counts[number] += 1
                break
        else:
            firsts.append(run)
            counts.append(1)
    return counts


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
