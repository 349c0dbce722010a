"""Which of the program's own lines behave differently in two runs: where a difference came in
before any tensor op."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import numpy.typing as npt

from reproaudit.compare.align import align
from reproaudit.compare.columns import mix
from reproaudit.compare.interning import Interned
from reproaudit.model.events import EventFlag, EventKind, Location
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import MAIN_PROCESS, Run
from reproaudit.trace.words import RAN, STREAM_PREFIX

MAX_DIFFERENCES = 1_000

Indices = npt.NDArray[np.int64]


class LineKind(str, Enum):
    VALUE = "value"  # a variable, an argument or a returned value differs
    DRAW = "draw"  # a random stream was moved to another state
    BRANCH = "branch"  # the runs go on with different lines


@dataclass(frozen=True, slots=True)
class LineDifference:
    """The first difference of one name at one line. `event` is a number in the named process's
    trace of run `a`.

    `name` is a variable's, "return" for what a function returned or yielded, "stream:NAME" of a
    draw, "" of a branch. `state_differed`: the stream's state differed before the draw already.
    `is_carried`: so did what the statement read.
    """

    kind: LineKind
    process: str
    event: int
    location: Location
    name: str
    thread: int
    state_differed: bool = False
    is_carried: bool = False


def differing_lines(a: Run, b: Run, interned: Interned) -> list[LineDifference]:
    """Align what the program's lines did in two runs; return what differs, in the order of run `a`.

    Of one name at one line only the first difference is kept, and MAX_DIFFERENCES in all. Undefined
    memory is no difference: what a line that allocates it holds is left out. Of threads but the
    main one, it is chance which of them did which work: there only what no thread of run `b` came
    to counts.
    """
    others = dict(b.traces)
    found: list[LineDifference] = []
    for process, trace_a in a.traces:
        trace_b = others.get(process)
        if trace_b is None:
            continue
        main, threads = (
            [_side(trace, threaded, interned) for trace in (trace_a, trace_b)]
            for threaded in (False, True)
        )
        pair = _Pair(process, *main)
        rows = [*pair.values(), *pair.splits(), *_by_content(process, *threads)]
        found += sorted(rows, key=lambda row: row.event)
    return _first_of_each(found)


def first_entry(
    differences: Sequence[LineDifference],
    before: float,
    ignored: frozenset[tuple[str, int]] = frozenset(),
) -> LineDifference | None:
    """Return where the difference most likely came in that an op shows, event number `before` of
    the main process.

    Chosen is the earliest difference that nothing earlier explains: a value or branch whose
    statement read equal values, or a draw. At the line of that difference a draw from a stream
    whose state differed comes before what was made of it. Lines in `ignored`, (path, line), are no
    entries: those that ask a clock differ in every program. What is carried counts only if no entry
    was seen at all, not even an ignored one: then it came in unseen, through another name or before
    recording began. None: nothing differed before the statement of the op itself.
    """
    earlier = [row for row in differences if row.process == MAIN_PROCESS and row.event < before]
    entries = [row for row in earlier if not row.is_carried] or earlier
    chosen = [row for row in entries if (row.location.path, row.location.line) not in ignored]
    if not chosen:
        return None
    first = min(chosen, key=lambda row: row.event)
    draws = (row for row in chosen if row.location == first.location and row.state_differed)
    return next(draws, first)


def _first_of_each(rows: list[LineDifference]) -> list[LineDifference]:
    kept: dict[tuple[str, Location, str], LineDifference] = {}
    for row in rows:
        kept.setdefault((row.process, row.location, row.name), row)
        if len(kept) == MAX_DIFFERENCES:
            break
    return list(kept.values())


# -- one process


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """The line events of the main thread of one run, or of all others: their numbers in the trace,
    each one's key."""

    trace: Trace
    events: Indices
    keys: npt.NDArray[np.uint64]

    def name(self, position: int) -> str:
        return self.trace.strings[int(self.trace.columns.name[self.events[position]])]

    def location(self, position: int) -> Location:
        return self.trace.locations[int(self.trace.columns.location[self.events[position]])]

    def is_undefined(self, position: int) -> bool:
        return bool(self.trace.columns.flags[self.events[position]] & EventFlag.UNDEFINED)

    def inputs(self, position: int) -> tuple[int, ...]:
        return tuple(self.trace.columns.input_digests[self.events[position]].tolist())


def _side(trace: Trace, threaded: bool, interned: Interned) -> _Side:
    events = trace.columns
    chosen = np.flatnonzero((events.kind == EventKind.LINE) & ((events.thread != 0) == threaded))
    strings, locations = interned.ids(trace)
    return _Side(
        trace, chosen, mix(strings[events.name[chosen]], locations[events.location[chosen]])
    )


def _comparable(side: _Side, positions: Indices) -> npt.NDArray[np.bool_]:
    """Tell which events stand at lines that leave no undefined memory: it means nothing until
    something reads it."""
    rows = side.trace.columns.take(side.events[positions])
    defined: npt.NDArray[np.bool_] = (rows.flags & EventFlag.UNDEFINED) == 0
    return defined & ~np.isin(rows.location, _leaving_undefined(side.trace))


def _leaving_undefined(trace: Trace) -> Indices:
    """Return the lines that allocate more undefined tensors than they fill in place.

    A layer is made by allocating its weights and drawing them at one line of the program: nothing
    is left undefined.
    """
    ops = trace.columns.take(trace.columns.are(EventKind.OP))
    fills = np.array(
        [text.partition(".")[0].endswith("_") for text in trace.strings], dtype=np.bool_
    )
    count = len(trace.locations)
    allocated = np.bincount(ops.location[(ops.flags & EventFlag.UNDEFINED) != 0], minlength=count)
    filled = np.bincount(ops.location[fills[ops.name]], minlength=count)
    return np.flatnonzero(allocated > filled)


def _by_content(process: str, a: _Side, b: _Side) -> Iterator[LineDifference]:
    """Yield what threads of run `a` came to at a line, and none of run `b` at the same one."""
    rows_a, rows_b = a.trace.columns.take(a.events), b.trace.columns.take(b.events)
    came_to_a = mix(a.keys, *rows_a.output_digests.T)
    came_to_b = mix(b.keys, *rows_b.output_digests.T)
    read_a = mix(a.keys, *rows_a.input_digests.T)
    read_b = mix(b.keys, *rows_b.input_digests.T)
    differs = (
        np.isin(a.keys, b.keys)
        & ~np.isin(came_to_a, came_to_b)
        & _comparable(a, np.arange(len(a.events)))
    )
    chosen = np.flatnonzero(differs)
    _, first = np.unique(a.keys[chosen], return_index=True)
    unread = ~np.isin(read_a, read_b)
    for position in chosen[np.sort(first)].tolist():
        yield _difference(process, a, position, read_others=bool(unread[position]))


class _Pair:
    """The main thread of one process in both runs, aligned."""

    def __init__(self, process: str, a: _Side, b: _Side) -> None:
        self._process, self._a, self._b = process, a, b
        alignment = align(a.keys, b.keys)
        self._pairs_a, self._pairs_b = alignment.pairs_a, alignment.pairs_b

    def values(self) -> Iterator[LineDifference]:
        """Yield what both runs did at the same line with another outcome: the first time that each
        name differs."""
        a, b = self._a, self._b
        rows_a, rows_b = (
            a.trace.columns.take(a.events[self._pairs_a]),
            b.trace.columns.take(b.events[self._pairs_b]),
        )
        differs = (rows_a.output_digests != rows_b.output_digests).any(axis=1)
        differs &= _comparable(a, self._pairs_a) & _comparable(b, self._pairs_b)
        chosen = np.flatnonzero(differs)
        _, first = np.unique(a.keys[self._pairs_a[chosen]], return_index=True)
        for pair in chosen[np.sort(first)].tolist():
            found = _difference(
                self._process, a, int(self._pairs_a[pair]), read_others=self._read_others(pair)
            )
            if found.kind is LineKind.DRAW and not found.state_differed:
                found = replace(found, is_carried=self._statement_read_others(pair))
            yield found

    def splits(self) -> Iterator[LineDifference]:
        """Yield the places from which the runs went different ways, or changed different things at
        one line."""
        before_a, before_b = (
            np.concatenate([[-1], pairs]) for pairs in (self._pairs_a, self._pairs_b)
        )
        after_a = np.concatenate([self._pairs_a, [len(self._a.events)]])
        after_b = np.concatenate([self._pairs_b, [len(self._b.events)]])
        for gap in np.flatnonzero((after_a - before_a > 1) | (after_b - before_b > 1)).tolist():
            only_a = range(int(before_a[gap]) + 1, int(after_a[gap]))
            only_b = range(int(before_b[gap]) + 1, int(after_b[gap]))
            yield from self._split(gap - 1, only_a, only_b)

    def _split(self, last: int, only_a: range, only_b: range) -> Iterator[LineDifference]:
        """Yield what comes between a pair, the last that both runs have in common, and the next.
        -1: there is none."""
        a, b = self._a, self._b
        if not len(a.events):
            return
        position = int(self._pairs_a[last]) if last >= 0 else 0
        carried = last >= 0 and self._read_others(last)
        alone = [(a, k) for k in only_a] + [(b, k) for k in only_b]
        common = _difference(self._process, a, position, read_others=carried)
        if any(side.name(k) == RAN for side, k in alone):
            yield replace(
                common, kind=LineKind.BRANCH, name=RAN, state_differed=False, is_carried=carried
            )
            return
        for side, k in alone:
            if not side.is_undefined(k):
                of_same_line = carried and side.location(k) == common.location
                found = _difference(self._process, side, k, read_others=of_same_line)
                event = found.event if side is a else common.event
                yield replace(
                    found, event=event, thread=0, state_differed=False, is_carried=of_same_line
                )

    def _read_others(self, pair: int) -> bool:
        return self._a.inputs(int(self._pairs_a[pair])) != self._b.inputs(int(self._pairs_b[pair]))

    def _statement_read_others(self, pair: int) -> bool:
        """Tell the same of the statement that moved a stream: it stands right before its draws."""
        place = self._a.location(int(self._pairs_a[pair]))
        for earlier in range(pair - 1, max(-1, pair - 4), -1):
            position = int(self._pairs_a[earlier])
            if self._a.name(position) == RAN:
                return self._a.location(position) == place and self._read_others(earlier)
        return False


def _difference(process: str, side: _Side, position: int, *, read_others: bool) -> LineDifference:
    event = int(side.events[position])
    name, thread = side.name(position), int(side.trace.columns.thread[event])
    is_draw = name.startswith(STREAM_PREFIX)
    return LineDifference(
        kind=LineKind.DRAW if is_draw else LineKind.VALUE,
        process=process,
        event=event,
        location=side.location(position),
        name=name,
        thread=thread,
        state_differed=is_draw and read_others,
        is_carried=read_others and not is_draw,
    )
