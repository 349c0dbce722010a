"""The ops that one of two runs made alone, where what both went on with came to differ by them.

Runs under a variation may execute other ops to no effect. What an op of one run alone has changed
is told by the first pair of ops that differs after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import are_among
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.main_threads import align_main_threads
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.views import OpEvent
from reproaudit.trace.words import is_in_place

# They copy content; what they copy may lie otherwise in memory.
_COPIES = frozenset({"aten::_to_copy", "aten::clone", "aten::copy_", "aten::contiguous"})
_BOUNDARIES = (EventKind.BATCH, EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ExtraOps:
    """Ops in a row that one run made alone, in the process that was asked for.

    `last` is the number of the last one, `overwrites` the first of them that writes over a tensor;
    `brings_in`: content came in from outside PyTorch among them.
    """

    trace: Trace
    first: OpEvent
    last: int
    overwrites: OpEvent | None
    brings_in: bool


class ExtraOpsOfPair:
    """Both runs of one process, aligned; `a` and `b` are its traces."""

    def __init__(self, a: Run, b: Run, process: str, interned: Interned) -> None:
        self._interned = interned
        self._a = a.trace_of(process)
        self._b = b.trace_of(process)
        self._both = align_main_threads(self._a, self._b, interned)

    def find_draw(self, event_a: int) -> OpEvent | None:
        """Return the draw that one run made alone since both last drew alike.

        `event_a` is the draw of run `a` that started from another state than that of run `b`.
        None if no op drew: the states differ for another reason.
        """
        both = self._both
        pair = self._find_pair(event_a)
        if pair is None:
            return None
        rows_a = both.rows_a
        draws = rows_a.have(EventFlag.RANDOM) & ~rows_a.have(EventFlag.OWN_GENERATOR)
        alike = draws & (rows_a.drawn_states == both.rows_b.drawn_states)
        before = np.flatnonzero(alike[:pair])
        if not len(before):
            return None
        last = int(before[-1])
        for trace, events, only, pairs in self._sides():
            between = only[(only > pairs[last]) & (only < pairs[pair])]
            for number in events[between].tolist():
                op = trace.op(number)
                if EventFlag.RANDOM in op.flags and EventFlag.OWN_GENERATOR not in op.flags:
                    return op
        return None

    def find_block(self, event_a: int) -> ExtraOps | None:
        """Return the ops in a row that one run made alone before an event of run `a`.

        The last ones that write over a tensor, or else the last ones at all.
        """
        pair = self._find_pair(event_a)
        if pair is None:
            return None
        blocks = [
            (int(pairs[pair]) - block[-1], _describe(trace, events[np.array(block)]))
            for trace, events, only, pairs in self._sides()
            for block in _group(only[only < pairs[pair]])
        ]
        writing = [one for one in blocks if one[1].overwrites is not None]
        chosen = min(writing or blocks, key=lambda one: one[0], default=None)
        return None if chosen is None else chosen[1]

    def find_copy(self, event_a: int) -> OpEvent | None:
        """Return the last op before an event of run `a` that one run made alone and that copied
        content as it is: only how it lies in memory can be another."""
        pair = self._find_pair(event_a)
        if pair is None:
            return None
        for trace, events, only, pairs in self._sides():
            for number in reversed(events[only[only < pairs[pair]]].tolist()):
                op = trace.op(number)
                if op.shown_name.partition(".")[0] in _COPIES and _is_content_known(trace, op):
                    return op
        return None

    def is_state_of_module(self, block: ExtraOps, event_a: int, event_b: int) -> bool:
        """Return True if an op read what the block made while a module was called with an equal
        batch, and the block lies before that call: it made a parameter or a buffer."""
        batches = []
        for trace, before in ((self._a, event_a), (self._b, event_b)):
            columns = trace.columns.take(slice(0, before))
            numbers = np.flatnonzero(columns.are(*_BOUNDARIES))
            # Behind an output the call is over.
            if not len(numbers) or columns.kind[numbers[-1]] != EventKind.BATCH:
                return False
            called = int(numbers[-1])
            if trace is block.trace and block.last > called:
                return False
            batches.append(trace.columns.output_digests[called])
        return bool((batches[0] == batches[1]).all())

    def have_other_counts(self) -> bool:
        """Return True if an op at a line, which both runs call, is called more often in one."""
        both = self._both
        keys_a = both.ops_a.make_keys(self._interned, step=False)
        keys_b = both.ops_b.make_keys(self._interned, step=False)
        alone_a = keys_a[both.alignment.only_a]
        alone_b = keys_b[both.alignment.only_b]
        return bool(are_among(alone_a, keys_b).any() or are_among(alone_b, keys_a).any())

    def _find_pair(self, event_a: int) -> int | None:
        found = np.flatnonzero(self._both.events_a == event_a)
        return int(found[0]) if len(found) else None

    def _sides(self) -> Iterator[tuple[Trace, _Numbers, _Numbers, _Numbers]]:
        """Yield for each run its trace, the events of its ops, the positions of those that it made
        alone, and of those of the pairs."""
        alignment = self._both.alignment
        yield self._b, self._both.ops_b.events, alignment.only_b, alignment.pairs_b
        yield self._a, self._both.ops_a.events, alignment.only_a, alignment.pairs_a


def _group(positions: _Numbers) -> Iterator[list[int]]:
    """Yield the positions that follow each other without a gap."""
    if not len(positions):
        return
    for block in np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1):
        yield block.tolist()


def _describe(trace: Trace, events: _Numbers) -> ExtraOps:
    ops = [trace.op(number) for number in events.tolist()]
    return ExtraOps(
        trace=trace,
        first=ops[0],
        last=ops[-1].number,
        overwrites=next((op for op in ops if _overwrites(op)), None),
        brings_in=any(EventFlag.BIRTH in op.flags for op in ops),
    )


def _overwrites(op: OpEvent) -> bool:
    """Return True for an op that writes over a tensor that was there; views write nothing."""
    return is_in_place(op.name) and not op.flags & (EventFlag.VIEW | EventFlag.UNDEFINED)


def _is_content_known(trace: Trace, op: OpEvent) -> bool:
    """Return True if an earlier op of the run wrote just what this one did."""
    columns = trace.columns.take(slice(0, op.number))
    same = (columns.output_digests == np.array(op.outputs, dtype=np.uint64)).all(axis=1)
    return bool(same.any())
