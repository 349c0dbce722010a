"""Whether two runs computed the same, operator by operator, in whatever order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reproaudit.compare.columns import mix
from reproaudit.compare.interning import Interned
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.runs import Run

_NO_RESULT = (
    EventFlag.VIEW | EventFlag.UNDEFINED | EventFlag.RAISED
)  # of these the outputs were not digested


def refined(
    classes: Sequence[Sequence[int]],
    runs: Sequence[Run],
    interned: Interned,
    left_out: frozenset[int] = frozenset(),
) -> tuple[tuple[int, ...], ...]:
    """Split classes of run numbers where what the runs computed differs; the order of runs is kept.

    The order of calls does not count: data that arrives from worker processes is unpacked whenever
    it comes. Runs that are `left_out` stay with the first of their class.
    """
    computed = {run.index: _computed(run, interned) for run in runs}
    found: list[list[int]] = []
    for group in classes:
        parts: list[list[int]] = []
        for index in (
            *(i for i in group if i not in left_out),
            *(i for i in group if i in left_out),
        ):
            if index in left_out and parts:
                parts[0].append(index)
                continue
            same = next(
                (part for part in parts if np.array_equal(computed[part[0]], computed[index])), None
            )
            if same is None:
                parts.append([index])
            else:
                same.append(index)
        found += parts
    return tuple(sorted(tuple(sorted(part)) for part in found))


def count_operators(run: Run) -> int:
    """Return how many operator calls were recorded of a run, its children's included."""
    return sum(int((trace.columns.kind == EventKind.OP).sum()) for _, trace in run.traces)


def _computed(run: Run, interned: Interned) -> npt.NDArray[np.uint64]:
    """Return one sorted 64-bit key per call, of its op, place, inputs and outputs."""
    keys = []
    for _, trace in run.traces:
        rows = trace.columns.take(trace.columns.are(EventKind.OP))
        strings, locations = interned.ids(trace)
        outputs = np.where(((rows.flags & _NO_RESULT) == 0)[:, None], rows.output_digests, 0)
        columns = (rows.input_digests[:, 0], rows.input_digests[:, 1], outputs[:, 0], outputs[:, 1])
        keys.append(mix(rows.phase, strings[rows.name], locations[rows.location], *columns))
    return np.sort(np.concatenate(keys))
