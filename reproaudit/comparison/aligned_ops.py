"""The operators of two runs in one order, judged as `localise` does: all of them, or those around
each source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import Localisation, Source
from reproaudit.comparison.main_threads import MainThreads, align_main_threads
from reproaudit.comparison.op_streams import Ops
from reproaudit.model.aligned_ops import AlignedOps, RowState, Stretch
from reproaudit.model.events import EventFlag, Location, Phase
from reproaudit.model.packed import Packed, pack
from reproaudit.trace.runs import Run, pair_traces
from reproaudit.trace.words import shorten_op

MOST_SOURCES = 20
ROWS_AROUND = 100  # before a source, and behind it
MOST_ROWS = 1_100_000  # of one process
MOST_ROWS_IN_ALL = 2_200_000
_SHOWN_BEFORE = 10  # of the rows that fit, the part that is before the first source

_Numbers = npt.NDArray[np.int64]
_UNKNOWN = Location("", 0)
T = TypeVar("T", str, Location)
_Span = tuple[int, int]  # rows: the first, and the one after the last


def align_around_sources(
    a: Run, b: Run, localisation: Localisation, interned: Interned
) -> AlignedOps | None:
    """Return the operators around the first sources of two runs; None if there are none.

    `localisation` is that of the two runs.
    """
    sources = localisation.sources[:MOST_SOURCES]
    named = {source.process for source in sources}
    maker = _Maker(a, b, interned)
    for process, trace_a, trace_b in pair_traces(a, b):
        if process in named:
            both = align_main_threads(trace_a, trace_b, interned)
            rows = _order_rows(process, both, sources)
            maker.add(rows, _list_spans(rows))
    return maker.finish() if maker.stretches else None


def align_all(a: Run, b: Run, localisation: Localisation, interned: Interned) -> AlignedOps:
    """Return the operators of two runs, processes with sources first.

    Of a process with more than MOST_ROWS, so many around its first source.
    """
    firsts = [source.process for source in localisation.sources]
    traces = {process: (x, y) for process, x, y in pair_traces(a, b)}
    maker = _Maker(a, b, interned)
    for process in dict.fromkeys((*firsts, *traces)):
        if process not in traces:
            continue
        both = align_main_threads(*traces[process], interned)
        rows = _order_rows(process, both, localisation.sources)
        fitting = min(MOST_ROWS, MOST_ROWS_IN_ALL - maker.rows)
        if rows.total and fitting > 0:
            maker.add(rows, [_fit(rows, fitting)])
        else:
            maker.left_out += rows.total
    return maker.finish()


@dataclass(frozen=True, slots=True, eq=False)
class _OrderedRows:
    """The rows of one process: for each the place among the ops of either run, -1 for none.

    `sources` are the rows of sources, in their order.
    """

    process: str
    both: MainThreads
    at_a: _Numbers
    at_b: _Numbers
    states: npt.NDArray[np.uint8]
    sources: tuple[int, ...]

    @property
    def total(self) -> int:
        return len(self.at_a)


def _order_rows(process: str, both: MainThreads, sources: Sequence[Source]) -> _OrderedRows:
    """Return the rows of one process, and which of them are sources."""
    row_of_a, row_of_b = _merge(both)
    alignment = both.alignment
    total = len(row_of_a) + len(alignment.only_b)
    at_a, at_b = np.full((2, total), -1)
    at_a[row_of_a] = np.arange(len(row_of_a))
    at_b[row_of_b] = np.arange(len(row_of_b))
    states = np.empty(total, dtype=np.uint8)
    states[row_of_a[alignment.pairs_a]] = _judge_pairs(both)
    states[row_of_a[alignment.only_a]] = RowState.ONLY_A
    states[row_of_b[alignment.only_b]] = RowState.ONLY_B
    rows = []
    for source in sources:
        if source.process == process:
            rows += _find_row(source.event_a, both.ops_a, row_of_a) or _find_row(
                source.event_b, both.ops_b, row_of_b
            )
    for row in rows:
        # What a source names may be the first op that reads what came in from outside.
        if at_a[row] >= 0 and at_b[row] >= 0:
            states[row] = RowState.SOURCE
    return _OrderedRows(
        process=process, both=both, at_a=at_a, at_b=at_b, states=states, sources=tuple(rows)
    )


def _merge(both: MainThreads) -> tuple[_Numbers, _Numbers]:
    """Return the row of each op of either run.

    Between two pairs, those of run `a` alone come first.
    """
    pairs_a, pairs_b = both.alignment.pairs_a, both.alignment.pairs_b
    only_a, only_b = both.alignment.only_a, both.alignment.only_b
    row_of_a = np.empty(len(both.ops_a.events), dtype=np.int64)
    row_of_b = np.empty(len(both.ops_b.events), dtype=np.int64)
    # Before a pair stand all earlier ops of both runs, and the earlier pairs are in both.
    of_pairs = pairs_a + pairs_b - np.arange(len(pairs_a))
    row_of_a[pairs_a] = row_of_b[pairs_b] = of_pairs
    before = np.searchsorted(pairs_a, only_a)
    row_of_a[only_a] = only_a + np.concatenate(([0], pairs_b + 1))[before] - before
    before = np.searchsorted(pairs_b, only_b)
    row_of_b[only_b] = only_b + np.concatenate((pairs_a, [len(row_of_a)]))[before] - before
    return row_of_a, row_of_b


def _find_row(event: int | None, ops: Ops, rows: _Numbers) -> list[int]:
    """Return the row of an event; none if it is no op of the main thread."""
    if event is None:
        return []
    place = int(np.searchsorted(ops.events, event))
    is_there = place < len(rows) and ops.events[place] == event
    return [int(rows[place])] if is_there else []


def _judge_pairs(both: MainThreads) -> npt.NDArray[np.uint8]:
    states = np.full(len(both.inputs_equal), RowState.EQUAL, dtype=np.uint8)
    states[~both.is_compared] = RowState.UNCOMPARED
    states[~both.inputs_equal | both.are_born] = RowState.CARRIER
    states[~both.inputs_equal & both.outputs_equal & both.is_compared] = RowState.ABSORBED
    states[both.are_sources] = RowState.SOURCE
    return states


def _list_spans(rows: _OrderedRows) -> Iterator[_Span]:
    """Yield the rows around the sources: what overlaps is one span."""
    begin = end = 0
    for row in sorted(rows.sources):
        first = max(row - ROWS_AROUND, 0)
        if first > end or end == 0:
            if end:
                yield begin, end
            begin = first
        end = min(row + ROWS_AROUND + 1, rows.total)
    if end:
        yield begin, end


def _fit(rows: _OrderedRows, most: int) -> _Span:
    """Return so many rows that have the first source, and some before it."""
    size = min(rows.total, most)
    first = min(rows.sources, default=0)
    begin = min(max(first - size // _SHOWN_BEFORE, 0), rows.total - size)
    return begin, begin + size


# -- columns


class _Numbering(Generic[T]):
    """Numbers what rows of several traces name alike. 0 is what is unknown."""

    def __init__(self, unknown: T) -> None:
        self._numbers: dict[T, int] = {unknown: 0}

    @property
    def entries(self) -> tuple[T, ...]:
        return tuple(self._numbers)

    def translate(
        self, ids: npt.NDArray[np.uint32], named: Sequence[T], read: Callable[[T], T]
    ) -> _Numbers:
        """Return the numbers of what ids stand for, of a trace that names it so."""
        is_met = np.zeros(len(named), dtype=np.bool_)
        is_met[ids] = True
        numbers = np.zeros(len(named), dtype=np.int64)
        for one in np.flatnonzero(is_met).tolist():
            numbers[one] = self._numbers.setdefault(read(named[one]), len(self._numbers))
        found: _Numbers = numbers[ids]
        return found


def _know_line(location: Location) -> Location:
    return location if location.line > 0 else _UNKNOWN


class _Maker:
    """Makes stretches that share their tables."""

    def __init__(self, a: Run, b: Run, interned: Interned) -> None:
        self._a = a
        self._b = b
        self._interned = interned
        self._strings = _Numbering("")
        self._locations = _Numbering(_UNKNOWN)
        self.stretches: list[Stretch] = []
        self.left_out = 0

    @property
    def rows(self) -> int:
        return sum(stretch.rows for stretch in self.stretches)

    def add(self, rows: _OrderedRows, spans: Iterable[_Span]) -> None:
        for span in spans:
            self.stretches.append(self._make_stretch(rows, slice(*span)))

    def finish(self) -> AlignedOps:
        return AlignedOps(
            runs=(self._a.index, self._b.index),
            folders=(self._a.name, self._b.name),
            strings=self._strings.entries,
            locations=self._locations.entries,
            stretches=tuple(self.stretches),
            left_out_rows=self.left_out,
        )

    def _make_stretch(self, rows: _OrderedRows, span: slice) -> Stretch:
        in_a = rows.at_a[span] >= 0
        op, module, location, step, phase = np.empty((5, len(in_a)), dtype=np.int64)
        both = rows.both
        for ops, at, marked in (
            (both.ops_a, rows.at_a[span], in_a),
            (both.ops_b, rows.at_b[span], ~in_a),
        ):
            events = ops.events[at[marked]]
            columns = ops.trace.columns.take(events)
            names = ops.trace.strings
            op[marked] = self._strings.translate(columns.name, names, shorten_op)
            module[marked] = self._strings.translate(columns.module, names, str)
            places = ops.trace.locations
            location[marked] = self._locations.translate(columns.location, places, _know_line)
            step[marked] = self._interned.count_steps(ops.trace, events)
            is_initial = columns.have(EventFlag.INITIAL)
            phase[marked] = np.where(is_initial, Phase.INITIALISATION, columns.phase)
        return Stretch(
            process=rows.process,
            first_row=span.start,
            total=rows.total,
            state=_pack("|u1", rows.states[span]),
            phase=_pack("|u1", phase),
            op=_pack_numbers(op),
            module=_pack_numbers(module),
            location=_pack_numbers(location),
            step=_pack("<i4", step),
        )


def _pack_numbers(numbers: _Numbers) -> Packed:
    """Pack numbers from 0 on as the smallest type that holds them."""
    most = int(numbers.max(initial=0))
    if most < 1 << 8:
        return _pack("|u1", numbers)
    return _pack("<u2" if most < 1 << 16 else "<u4", numbers)


def _pack(dtype: str, values: npt.NDArray[np.generic]) -> Packed:
    return pack(dtype, values.astype(dtype).tobytes())
