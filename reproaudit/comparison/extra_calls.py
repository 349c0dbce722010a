"""The draw from a random stream of Python or NumPy that one of two runs made alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.entropy import pair_calls, select_calls
from reproaudit.comparison.interning import Interned
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.views import EntropyEvent

_Numbers = npt.NDArray[np.int64]


def find_extra_call(
    pair: tuple[Run, Run], process: str, *, before: int, interned: Interned
) -> EntropyEvent | None:
    """Return the call that one run made alone and that moved a stream which both draw from.

    It drew from the very state that the other run still had when both next made the same call,
    before event `before` of the first run. None if there is none.
    """
    trace_a, trace_b = (run.trace_of(process) for run in pair)
    events_a, events_b = pair_calls(trace_a, trace_b, interned)
    states_a = trace_a.columns.input_digests[events_a]
    states_b = trace_b.columns.input_digests[events_b]
    parted = (states_a != states_b).any(axis=1) & states_a.any(axis=1) & (events_a < before)
    sides = (
        (trace_a, events_a, states_b),
        (trace_b, events_b, states_a),
    )
    for at in np.flatnonzero(parted).tolist():
        for trace, events, states in sides:
            found = _find_draw(trace, events, states[at], int(events[at]))
            if found is not None:
                return found
    return None


def _find_draw(
    trace: Trace, paired: _Numbers, state: npt.NDArray[np.uint64], before: int
) -> EntropyEvent | None:
    """Return the call without a partner that drew from this state before an event."""
    for event in _list_alone(trace, paired, before):
        if (trace.columns.input_digests[event] == state).all():
            found = trace.event(event)
            return found if isinstance(found, EntropyEvent) else None
    return None


def _list_alone(trace: Trace, paired: _Numbers, before: int) -> Iterator[int]:
    calls = select_calls(trace)
    alone = calls[~np.isin(calls, paired) & (calls < before)]
    yield from alone.tolist()
