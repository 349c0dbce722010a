"""Whether two runs computed the same, operator by operator, in whatever order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import mix
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.runs import Run

# Operators whose outputs were not digested.
_NO_RESULT = EventFlag.VIEW | EventFlag.UNDEFINED | EventFlag.RAISED

_Keys = npt.NDArray[np.uint64]


def refine_classes(
    classes: Sequence[Sequence[int]],
    runs: Sequence[Run],
    interned: Interned,
    left_out: frozenset[int] = frozenset(),
) -> tuple[tuple[int, ...], ...]:
    """Split classes of run numbers where what the runs computed differs; the order of runs is kept.

    The order of calls does not count: data that arrives from worker processes is unpacked whenever
    it comes. Runs that are `left_out` stay with the first of their class.
    """
    computed = {run.index: _compute_keys(run, interned) for run in runs}
    found: list[list[int]] = []
    for members in classes:
        judged = [index for index in members if index not in left_out]
        others = [index for index in members if index in left_out]
        parts = _split(judged, computed)
        if parts:
            parts[0] += others
        elif others:
            parts = [others]
        found += parts
    return tuple(sorted(tuple(sorted(part)) for part in found))


def _split(members: Sequence[int], computed: dict[int, _Keys]) -> list[list[int]]:
    """Group runs that computed the same, in order of first appearance."""
    parts: list[list[int]] = []
    for index in members:
        for part in parts:
            if np.array_equal(computed[part[0]], computed[index]):
                part.append(index)
                break
        else:
            parts.append([index])
    return parts


def count_operators(run: Run) -> int:
    """Return how many operator calls were recorded of a run, its children's included."""
    return sum(int((trace.columns.kind == EventKind.OP).sum()) for _, trace in run.traces)


def _compute_keys(run: Run, interned: Interned) -> _Keys:
    """Return one sorted 64-bit key per call, of its op, place, inputs and outputs."""
    keys = []
    for _, trace in run.traces:
        rows = trace.columns.take(trace.columns.are(EventKind.OP))
        strings, locations = interned.ids(trace)
        has_result = (rows.flags & _NO_RESULT) == 0
        outputs = np.where(has_result[:, None], rows.output_digests, 0)
        place = (rows.phase, strings[rows.name], locations[rows.location])
        keys.append(mix(*place, *rows.input_digests.T, *outputs.T))
    return np.sort(np.concatenate(keys))
