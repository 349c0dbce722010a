"""Which of the program's own lines behave differently in two runs.

This is where a difference came in before any tensor op.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.align import align
from reproaudit.comparison.columns import mix
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import CodeLine, EventFlag, EventKind, Location
from reproaudit.trace.columns import EventColumns
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import MAIN_PROCESS, Run, pair_traces
from reproaudit.trace.views import LineEvent
from reproaudit.trace.words import RAN, STREAM_PREFIX

MAX_DIFFERENCES = 1_000

Indices = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


class LineKind(str, Enum):
    VALUE = "value"  # a variable, an argument or a returned value differs
    DRAW = "draw"  # a random stream was moved to another state
    BRANCH = "branch"  # the runs go on with different lines


@dataclass(frozen=True, slots=True)
class LineDifference:
    """The first difference of one name at one line.

    `event` is a number in the named process's trace of run `a`. `name` is a variable's, "return"
    for what a function returned or yielded, "stream:NAME" of a draw, "" of a branch.
    `state_differed`: the stream's state differed before the draw already. `is_carried`: so did what
    the statement read. `values` are those of both runs as text, "" where they are not plain.
    """

    kind: LineKind
    process: str
    event: int
    location: Location
    name: str
    thread: int
    state_differed: bool = False
    is_carried: bool = False
    values: tuple[str, str] = ("", "")


def differing_lines(a: Run, b: Run, interned: Interned) -> list[LineDifference]:
    """Align what the program's lines did in two runs; return what differs, in the order of run `a`.

    Of one name at one line only the first difference is kept, and MAX_DIFFERENCES in all. Undefined
    memory is no difference: what a line that allocates it holds is left out. Of threads but the
    main one, it is chance which of them did which work: there only what no thread of run `b` came
    to counts.
    """
    found: list[LineDifference] = []
    for process, trace_a, trace_b in pair_traces(a, b):
        main = _AlignedThread(
            process,
            _select_lines(trace_a, interned, in_threads=False),
            _select_lines(trace_b, interned, in_threads=False),
        )
        by_content = _compare_by_content(
            process,
            _select_lines(trace_a, interned, in_threads=True),
            _select_lines(trace_b, interned, in_threads=True),
        )
        rows = [*main.compare_values(), *main.find_splits(), *by_content]
        found += sorted(rows, key=lambda row: row.event)
    return _keep_first_of_each(found)


def differing_allocations(a: Run, b: Run, interned: Interned) -> list[LineDifference]:
    """Return what lines that leave undefined memory made, where it differs, in order.

    Those are lines that call NumPy's `empty` and its kin. What PyTorch allocates shows in its ops.
    """
    found: list[LineDifference] = []
    for process, trace_a, trace_b in pair_traces(a, b):
        for in_threads in (False, True):
            lines_a = _select_undefined(trace_a, interned, in_threads=in_threads)
            lines_b = _select_undefined(trace_b, interned, in_threads=in_threads)
            found += _AlignedThread(process, lines_a, lines_b).compare_undefined()
    return sorted(found, key=lambda row: row.event)


def find_allocation(
    differences: Sequence[LineDifference], before: float, process: str = MAIN_PROCESS
) -> LineDifference | None:
    """Return the last line that left undefined memory before event `before` of a process.

    Of others it is the first one: their events have no order against that process.
    """
    in_main = [row for row in differences if row.process == process and row.event < before]
    if in_main:
        return max(in_main, key=lambda row: row.event)
    elsewhere = [row for row in differences if row.process != process]
    return elsewhere[0] if elsewhere else None


def first_entry(
    differences: Sequence[LineDifference],
    before: float,
    ignored: frozenset[CodeLine] = frozenset(),
    process: str = MAIN_PROCESS,
) -> LineDifference | None:
    """Return where the difference most likely came in that an op shows.

    `before` is the number of that op's event in its `process`.

    Chosen is the earliest difference that nothing earlier explains: a value or branch whose
    statement read equal values, or a draw. At the line of that difference a draw from a stream
    whose state differed comes before what was made of it. Lines in `ignored` are no
    entries: those that ask a clock differ in every program. What is carried counts only if no entry
    was seen at all, not even an ignored one: then it came in unseen, through another name or before
    recording began. None: nothing differed before the statement of the op itself.
    """
    earlier = [row for row in differences if row.process == process and row.event < before]
    entries = [row for row in earlier if not row.is_carried] or earlier
    chosen = [row for row in entries if row.location.code_line not in ignored]
    if not chosen:
        return None
    first = min(chosen, key=lambda row: row.event)
    for row in chosen:
        if row.location == first.location and row.state_differed:
            return row
    return first


def _keep_first_of_each(rows: list[LineDifference]) -> list[LineDifference]:
    kept: dict[tuple[str, Location, str], LineDifference] = {}
    for row in rows:
        kept.setdefault((row.process, row.location, row.name), row)
        if len(kept) == MAX_DIFFERENCES:
            break
    return list(kept.values())


# -- one process


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """The line events of the main thread of one run, or of all others.

    `events` are their numbers in the trace, `keys` one for each name at a line. A position is one
    in these two.
    """

    trace: Trace
    events: Indices
    keys: npt.NDArray[np.uint64]

    def columns(self, positions: Indices) -> EventColumns:
        return self.trace.columns.take(self.events[positions])

    def name(self, position: int) -> str:
        name = self.trace.columns.name[self.events[position]]
        return self.trace.strings[int(name)]

    def location(self, position: int) -> Location:
        location = self.trace.columns.location[self.events[position]]
        return self.trace.locations[int(location)]

    def shown(self, position: int) -> str:
        event = self.trace.event(int(self.events[position]))
        return event.shown if isinstance(event, LineEvent) else ""

    def is_undefined(self, position: int) -> bool:
        flags = self.trace.columns.flags[self.events[position]]
        return bool(flags & EventFlag.UNDEFINED)

    def inputs(self, position: int) -> tuple[int, ...]:
        digest = self.trace.columns.input_digests[self.events[position]]
        return tuple(digest.tolist())


def _select_lines(trace: Trace, interned: Interned, *, in_threads: bool) -> _Lines:
    columns = trace.columns
    wanted = columns.are(EventKind.LINE) & (columns.are_in_threads() == in_threads)
    events = np.flatnonzero(wanted)
    strings, locations = interned.ids(trace)
    keys = mix(strings[columns.name[events]], locations[columns.location[events]])
    return _Lines(trace, events, keys)


def _select_undefined(trace: Trace, interned: Interned, *, in_threads: bool) -> _Lines:
    lines = _select_lines(trace, interned, in_threads=in_threads)
    rows = trace.columns.take(lines.events)
    is_undefined = (rows.flags & EventFlag.UNDEFINED) != 0
    return _Lines(trace, lines.events[is_undefined], lines.keys[is_undefined])


def _mark_comparable(lines: _Lines, positions: Indices) -> Marks:
    """Mark the events at lines that leave no undefined memory.

    What such memory holds means nothing until something reads it.
    """
    rows = lines.columns(positions)
    is_defined: Marks = (rows.flags & EventFlag.UNDEFINED) == 0
    return is_defined & ~np.isin(rows.location, _find_allocating_lines(lines.trace))


def _find_allocating_lines(trace: Trace) -> Indices:
    """Return the lines that allocate more undefined tensors than they fill in place.

    A layer is made by allocating its weights and drawing them at one line of the program: nothing
    is left undefined.
    """
    ops = trace.columns.take(trace.columns.are(EventKind.OP))
    # aten's name of an op that works in place ends in "_", before the overload.
    fills_by_name = [text.partition(".")[0].endswith("_") for text in trace.strings]
    fills = np.array(fills_by_name, dtype=np.bool_)[ops.name]
    allocates = ops.have(EventFlag.UNDEFINED)
    lines = len(trace.locations)
    allocated = np.bincount(ops.location[allocates], minlength=lines)
    filled = np.bincount(ops.location[fills], minlength=lines)
    return np.flatnonzero(allocated > filled)


def _find_first_of_each(keys: npt.NDArray[np.uint64]) -> Indices:
    """Return where each key stands first, rising."""
    _, first = np.unique(keys, return_index=True)
    return np.sort(first)


def _compare_by_content(process: str, a: _Lines, b: _Lines) -> Iterator[LineDifference]:
    """Yield what threads of run `a` came to at a line, and none of run `b` at the same one."""
    everything = np.arange(len(a.events))
    rows_a = a.columns(everything)
    rows_b = b.columns(np.arange(len(b.events)))
    came_to_a = mix(a.keys, *rows_a.output_digests.T)
    came_to_b = mix(b.keys, *rows_b.output_digests.T)
    read_a = mix(a.keys, *rows_a.input_digests.T)
    read_b = mix(b.keys, *rows_b.input_digests.T)
    differs = np.isin(a.keys, b.keys)
    differs &= ~np.isin(came_to_a, came_to_b)
    differs &= _mark_comparable(a, everything)
    read_others = ~np.isin(read_a, read_b)
    chosen = np.flatnonzero(differs)
    for position in chosen[_find_first_of_each(a.keys[chosen])].tolist():
        yield _make_difference(process, a, position, read_others=bool(read_others[position]))


class _AlignedThread:
    """The main thread of one process in both runs, aligned. A pair is a number of the alignment."""

    def __init__(self, process: str, a: _Lines, b: _Lines) -> None:
        self._process = process
        self._a = a
        self._b = b
        alignment = align(a.keys, b.keys)
        self._pairs_a = alignment.pairs_a
        self._pairs_b = alignment.pairs_b

    def compare_values(self) -> Iterator[LineDifference]:
        """Yield what both runs did at the same line with another outcome.

        Of each name at a line only the first time.
        """
        a = self._a
        b = self._b
        outputs_a = a.columns(self._pairs_a).output_digests
        outputs_b = b.columns(self._pairs_b).output_digests
        differs = (outputs_a != outputs_b).any(axis=1)
        differs &= _mark_comparable(a, self._pairs_a)
        differs &= _mark_comparable(b, self._pairs_b)
        chosen = np.flatnonzero(differs)
        keys = a.keys[self._pairs_a[chosen]]
        for pair in chosen[_find_first_of_each(keys)].tolist():
            position = int(self._pairs_a[pair])
            read_others = self._read_others(pair)
            found = _make_difference(self._process, a, position, read_others=read_others)
            if found.kind is LineKind.DRAW and not found.state_differed:
                found = replace(found, is_carried=self._statement_read_others(pair))
            values = a.shown(position), b.shown(int(self._pairs_b[pair]))
            yield replace(found, values=values)

    def compare_undefined(self) -> Iterator[LineDifference]:
        """Yield each pair whose values differ: undefined memory is compared as well."""
        outputs_a = self._a.columns(self._pairs_a).output_digests
        outputs_b = self._b.columns(self._pairs_b).output_digests
        differs = (outputs_a != outputs_b).any(axis=1)
        for position in self._pairs_a[differs].tolist():
            yield _make_difference(self._process, self._a, position, read_others=False)

    def find_splits(self) -> Iterator[LineDifference]:
        """Yield the places from which the runs went different ways.

        Or from which they changed different things at one line.
        """
        before_a = np.concatenate([[-1], self._pairs_a])
        before_b = np.concatenate([[-1], self._pairs_b])
        after_a = np.concatenate([self._pairs_a, [len(self._a.events)]])
        after_b = np.concatenate([self._pairs_b, [len(self._b.events)]])
        has_more = (after_a - before_a > 1) | (after_b - before_b > 1)
        for gap in np.flatnonzero(has_more).tolist():
            only_a = range(int(before_a[gap]) + 1, int(after_a[gap]))
            only_b = range(int(before_b[gap]) + 1, int(after_b[gap]))
            yield from self._describe_split(gap - 1, only_a, only_b)

    def _describe_split(self, last: int, only_a: range, only_b: range) -> Iterator[LineDifference]:
        """Yield what comes between the pair `last` and the next one; `last` is -1 before the first.

        `only_a` and `only_b` are the positions in between.
        """
        a = self._a
        b = self._b
        if not len(a.events):
            return
        has_pair = last >= 0
        position = int(self._pairs_a[last]) if has_pair else 0
        carried = has_pair and self._read_others(last)
        common = _make_difference(self._process, a, position, read_others=carried)
        alone = [(a, k) for k in only_a] + [(b, k) for k in only_b]
        if any(lines.name(k) == RAN for lines, k in alone):
            yield replace(
                common, kind=LineKind.BRANCH, name=RAN, state_differed=False, is_carried=carried
            )
            return
        for lines, k in alone:
            if lines.is_undefined(k):
                continue
            of_same_line = carried and lines.location(k) == common.location
            found = _make_difference(self._process, lines, k, read_others=of_same_line)
            # Run `a` has no event for what only run `b` did: the last common one stands for it.
            event = found.event if lines is a else common.event
            yield replace(
                found, event=event, thread=0, state_differed=False, is_carried=of_same_line
            )

    def _read_others(self, pair: int) -> bool:
        """Return True if the two statements of a pair read different values."""
        inputs_a = self._a.inputs(int(self._pairs_a[pair]))
        inputs_b = self._b.inputs(int(self._pairs_b[pair]))
        return inputs_a != inputs_b

    def _statement_read_others(self, pair: int) -> bool:
        """Return the same of the statement that moved a stream, which is right before its draws."""
        place = self._a.location(int(self._pairs_a[pair]))
        # A statement may draw from several streams: a few events lie in between.
        for earlier in range(pair - 1, max(-1, pair - 4), -1):
            position = int(self._pairs_a[earlier])
            if self._a.name(position) == RAN:
                return self._a.location(position) == place and self._read_others(earlier)
        return False


def _make_difference(
    process: str, lines: _Lines, position: int, *, read_others: bool
) -> LineDifference:
    event = int(lines.events[position])
    name = lines.name(position)
    thread = int(lines.trace.columns.thread[event])
    is_draw = name.startswith(STREAM_PREFIX)
    return LineDifference(
        kind=LineKind.DRAW if is_draw else LineKind.VALUE,
        process=process,
        event=event,
        location=lines.location(position),
        name=name,
        thread=thread,
        state_differed=is_draw and read_others,
        is_carried=read_others and not is_draw,
    )
