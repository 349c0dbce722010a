"""Where two runs first differ: aligned op streams, the ops whose inputs are equal and whose outputs
are not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from reproaudit.compare.align import align
from reproaudit.compare.columns import are_among, mix
from reproaudit.compare.interning import Interned
from reproaudit.model.events import EventFlag, EventKind, Location
from reproaudit.trace.columns import EventColumns
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.views import OpEvent

_MAX_SEARCHED = 10_000
# Flags by which calls of one op at one line are told apart: what they are born of, and of which
# kind of generator.
_TELLING = EventFlag.BIRTH | EventFlag.RANDOM | EventFlag.OWN_GENERATOR
_UNCOMPARED = EventFlag.VIEW | EventFlag.UNDEFINED | EventFlag.RAISED | EventFlag.UNDIGESTED


class Origin(str, Enum):
    """What kind of place a difference is born at."""

    OP = "op"  # equal inputs, different outputs
    RANDOM = "random"  # the op drew from a generator whose state differed
    BIRTH = "birth"  # content that entered PyTorch from outside differed
    UNDEFINED = "undefined"  # the op read memory that nothing had written
    # an input differed although no earlier op's output did: written or made outside PyTorch
    INPUT = "input"
    STRUCTURE = "structure"  # one run executed ops that the other did not


@dataclass(frozen=True, slots=True)
class Source:
    """A place where a difference is born, seen in a pair of runs. Event numbers are within the
    named process.

    `count` calls of one op at one line are one source, the first of them: a loop repeats them at
    every step.
    """

    origin: Origin
    process: str
    event_a: int | None
    event_b: int | None
    order: float  # position in run `a`, for ordering
    allocation: int | None = (
        None  # UNDEFINED: event number of the allocation in run `a` (`b` where `a` has none)
    )
    made_at: Location | None = (
        None  # INPUT: where the memory was made that somebody wrote outside PyTorch
    )
    count: int = 1


@dataclass(frozen=True, slots=True)
class Localisation:
    """All sources of one pair of runs, first one first, one per place. `carriers` are counted call
    by call."""

    sources: tuple[Source, ...]
    aligned: int
    only_a: int
    only_b: int
    carriers: int

    @property
    def is_equal(self) -> bool:
        return not self.sources


def localise(a: Run, b: Run, interned: Interned) -> Localisation:
    """Align the op streams of two runs and return where their differences are born."""
    sources: list[Source] = []
    aligned = only_a = only_b = carriers = 0
    others = dict(b.traces)
    for process, trace_a in a.traces:
        trace_b = others.get(process)
        if trace_b is None:
            continue
        part = _localise_main_thread(process, trace_a, trace_b, interned)
        sources += part.sources
        sources += _localise_threads(process, trace_a, trace_b, interned)
        aligned, only_a, only_b = aligned + part.aligned, only_a + part.only_a, only_b + part.only_b
        carriers += part.carriers
    sources.sort(key=lambda source: (source.process, source.order))
    return Localisation(
        sources=tuple(sources), aligned=aligned, only_a=only_a, only_b=only_b, carriers=carriers
    )


def _stream(trace: Trace, threaded: bool) -> npt.NDArray[np.int64]:
    events = trace.columns
    return np.flatnonzero((events.kind == EventKind.OP) & ((events.thread != 0) == threaded))


def _keys(
    trace: Trace, chosen: npt.NDArray[np.int64], interned: Interned, *, step: bool
) -> npt.NDArray[np.uint64]:
    rows = trace.columns.take(chosen)
    strings, locations = interned.ids(trace)
    columns: list[npt.NDArray[Any]] = [
        rows.phase,
        strings[rows.name],
        strings[rows.module],
        locations[rows.location],
    ]
    return mix(*columns, rows.step) if step else mix(*columns)


def _localise_main_thread(
    process: str, trace_a: Trace, trace_b: Trace, interned: Interned
) -> Localisation:
    chosen_a, chosen_b = _stream(trace_a, False), _stream(trace_b, False)
    alignment = align(
        _keys(trace_a, chosen_a, interned, step=True), _keys(trace_b, chosen_b, interned, step=True)
    )
    events_a, events_b = chosen_a[alignment.pairs_a], chosen_b[alignment.pairs_b]
    rows_a, rows_b = trace_a.columns.take(events_a), trace_b.columns.take(events_b)
    inputs_equal = (rows_a.input_digests == rows_b.input_digests).all(axis=1)
    outputs_equal = (rows_a.output_digests == rows_b.output_digests).all(axis=1)
    flags = rows_a.flags | rows_b.flags
    inputs_equal |= (flags & EventFlag.UNDIGESTED) != 0  # what nobody digested carries nothing
    born = np.flatnonzero(inputs_equal & ~outputs_equal & ((flags & _UNCOMPARED) == 0))
    sources = []
    for i, count in _by_place(born, rows_a, rows_b):
        source = _classify(
            process,
            trace_a,
            trace_b=trace_b,
            a=int(events_a[i]),
            b=int(events_b[i]),
            inputs_equal=True,
        )
        sources.append(replace(source, count=count))
    carriers = np.flatnonzero(~inputs_equal)
    if len(carriers) and (not len(born) or carriers[0] < born[0]):
        i = int(carriers[0])
        sources.append(
            _classify(
                process,
                trace_a,
                trace_b=trace_b,
                a=int(events_a[i]),
                b=int(events_b[i]),
                inputs_equal=False,
            )
        )
    structure = _first_structure(
        process,
        alignment.only_a,
        only_b=alignment.only_b,
        pairs_a=alignment.pairs_a,
        pairs_b=alignment.pairs_b,
        chosen_a=chosen_a,
        chosen_b=chosen_b,
    )
    if structure is not None:
        sources.append(structure)
    return Localisation(
        sources=tuple(sources),
        aligned=len(events_a),
        only_a=len(alignment.only_a),
        only_b=len(alignment.only_b),
        carriers=len(carriers),
    )


def _by_place(
    born: npt.NDArray[np.int64], rows_a: EventColumns, rows_b: EventColumns
) -> Iterator[tuple[int, int]]:
    """Yield the first of the pairs `born` that share origin, op and line, and how many do, in order
    of appearance."""
    rows = rows_a.take(born)
    drew_otherwise = rows.drawn_states != rows_b.drawn_states[born]
    places = mix(rows.flags & _TELLING, drew_otherwise, rows.name, rows.location)
    _, first, counts = np.unique(places, return_index=True, return_counts=True)
    for at in np.argsort(first):
        yield int(born[first[at]]), int(counts[at])


def _classify(
    process: str, trace_a: Trace, *, trace_b: Trace, a: int, b: int, inputs_equal: bool
) -> Source:
    op_a = trace_a.op(a)
    op_b = trace_b.op(b)
    if inputs_equal:
        if op_a.flags & EventFlag.BIRTH:
            return Source(origin=Origin.BIRTH, process=process, event_a=a, event_b=b, order=a)
        if op_a.flags & EventFlag.RANDOM and op_a.drew_from != op_b.drew_from:
            return Source(origin=Origin.RANDOM, process=process, event_a=a, event_b=b, order=a)
        return Source(origin=Origin.OP, process=process, event_a=a, event_b=b, order=a)
    if op_a.flags & EventFlag.READS_UNDEFINED:
        # A random op has no room for its memory's origin: then the reader stands for it.
        allocation = a if op_a.allocated_by is None else op_a.allocated_by
        return Source(
            origin=Origin.UNDEFINED,
            process=process,
            event_a=a,
            event_b=b,
            order=a,
            allocation=allocation,
        )
    made_at = _made_at(trace_a, op_a) or _made_at(trace_b, op_b)
    return Source(
        origin=Origin.INPUT, process=process, event_a=a, event_b=b, order=a, made_at=made_at
    )


def _made_at(trace: Trace, op: OpEvent) -> Location | None:
    """Return the line that made the memory which the op read and somebody had written outside
    PyTorch."""
    return None if op.made_by is None else trace.event(op.made_by).location


def _first_structure(
    process: str,
    only_a: npt.NDArray[np.int64],
    *,
    only_b: npt.NDArray[np.int64],
    pairs_a: npt.NDArray[np.int64],
    pairs_b: npt.NDArray[np.int64],
    chosen_a: npt.NDArray[np.int64],
    chosen_b: npt.NDArray[np.int64],
) -> Source | None:
    """Return the first op that one run has and the other lacks, placed in run `a`'s order."""
    if not len(only_a) and not len(only_b):
        return None
    at_a = int(only_a[0]) if len(only_a) else None
    at_b = int(only_b[0]) if len(only_b) else None
    pairs_before_a = np.searchsorted(pairs_a, at_a) if at_a is not None else len(pairs_a) + 1
    pairs_before_b = np.searchsorted(pairs_b, at_b) if at_b is not None else len(pairs_b) + 1
    if at_a is not None and pairs_before_a <= pairs_before_b:
        event = int(chosen_a[at_a])
        partner = (
            int(chosen_b[at_b]) if at_b is not None and pairs_before_a == pairs_before_b else None
        )
        return Source(
            origin=Origin.STRUCTURE,
            process=process,
            event_a=event,
            event_b=partner,
            order=event - 0.5,
        )
    assert at_b is not None
    # Just before the next op that both runs have: what decided may lie anywhere since the last one.
    after = (
        int(chosen_a[pairs_a[pairs_before_b]])
        if pairs_before_b < len(pairs_a)
        else int(chosen_a[-1]) + 1
        if len(chosen_a)
        else 0
    )
    return Source(
        origin=Origin.STRUCTURE,
        process=process,
        event_a=None,
        event_b=int(chosen_b[at_b]),
        order=after - 0.5,
    )


def _first_drawn(
    rows: EventColumns, keys: npt.NDArray[np.uint64], left: npt.NDArray[np.int64]
) -> int:
    """Return the unmatched op to name. Of threads that draw from one stream, whose draw is the
    first to disagree is chance; the place that draws first is not."""
    drawing = left[(rows.flags[left] & EventFlag.RANDOM) != 0]
    if not len(drawing) or drawing[0] != left[0]:
        return int(left[0])
    _, first_at = np.unique(keys, return_index=True)
    earliest = min((int(at) for at in first_at if keys[at] in keys[drawing]), default=int(left[0]))
    return int(drawing[keys[drawing] == keys[earliest]][0])


def _first_write(trace: Trace, rows: EventColumns, left: npt.NDArray[np.int64]) -> int:
    """Return the first unmatched op that writes in place: threads that only read do not race. Else
    the first one."""
    for position in left[:_MAX_SEARCHED]:
        base = trace.strings[rows.name[position]].partition(".")[0]
        if base.endswith("_") and not base.endswith("__"):
            return int(position)
    return int(left[0])


def _localise_threads(
    process: str, trace_a: Trace, trace_b: Trace, interned: Interned
) -> list[Source]:
    """Compare the ops of other threads by content: which thread did which work is chance, the work
    is not.

    An op of run `a` is matched when run `b` has the same op with equal inputs and outputs. Of the
    rest, one whose inputs were also seen in run `b` is a source; if there is none, the first op
    with unseen inputs is reported.
    """
    chosen_a, chosen_b = _stream(trace_a, True), _stream(trace_b, True)
    if not len(chosen_a) or not len(chosen_b):
        return []
    rows_a, rows_b = trace_a.columns.take(chosen_a), trace_b.columns.take(chosen_b)
    keys_a = _keys(trace_a, chosen_a, interned, step=False)
    keys_b = _keys(trace_b, chosen_b, interned, step=False)
    inputs_a = mix(keys_a, rows_a.input_digests[:, 0], rows_a.input_digests[:, 1])
    inputs_b = mix(keys_b, rows_b.input_digests[:, 0], rows_b.input_digests[:, 1])
    whole_a = mix(inputs_a, rows_a.output_digests[:, 0], rows_a.output_digests[:, 1])
    whole_b = mix(inputs_b, rows_b.output_digests[:, 0], rows_b.output_digests[:, 1])
    undigested = keys_b[(rows_b.flags & EventFlag.UNDIGESTED) != 0]
    comparable = ((rows_a.flags & _UNCOMPARED) == 0) & ~np.isin(keys_a, undigested)
    left = np.flatnonzero(~are_among(whole_a, whole_b) & comparable)
    if not len(left):
        return []
    seen = are_among(inputs_a[left], inputs_b)
    first = (
        _first_drawn(rows_a, keys_a, left[seen])
        if seen.any()
        else _first_write(trace_a, rows_a, left)
    )
    partners = (
        np.flatnonzero(inputs_b == inputs_a[first])
        if seen.any()
        else np.flatnonzero(keys_b == keys_a[first])
    )
    event_a = int(chosen_a[first])
    event_b = int(chosen_b[partners[0]]) if len(partners) else None
    if not seen.any() or event_b is None:
        return [
            Source(
                origin=Origin.INPUT,
                process=process,
                event_a=event_a,
                event_b=event_b,
                order=event_a,
            )
        ]
    if rows_a.flags[first] & EventFlag.RANDOM:
        # The state was read just before the op drew, and another thread may have drawn in between.
        return [
            Source(
                origin=Origin.RANDOM,
                process=process,
                event_a=event_a,
                event_b=event_b,
                order=event_a,
            )
        ]
    return [_classify(process, trace_a, trace_b=trace_b, a=event_a, b=event_b, inputs_equal=True)]
