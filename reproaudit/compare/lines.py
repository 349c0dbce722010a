"""Which of the program's own lines behave differently in two runs: where a difference came in before any tensor op."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from reproaudit.compare.align import align
from reproaudit.compare.runs import MAIN_PROCESS, Interned, Run, mix
from reproaudit.model import EventFlag, EventKind, Location
from reproaudit.trace.reader import Trace

MAX_DIFFERENCES = 1_000
STREAM = "stream:"  # what the names of draws begin with
RAN = ""  # the name of the event that says that a statement ran

_UNMANAGED = "unmanaged"  # threads that the program did not start have one name together and no order

Indices = npt.NDArray[np.int64]


class LineKind(str, Enum):
    VALUE = "value"  # a variable, an argument or a returned value differs
    DRAW = "draw"  # a random stream was moved to another state
    BRANCH = "branch"  # the runs go on with different lines


@dataclass(frozen=True, slots=True)
class LineDifference:
    """The first difference of one name at one line. `event` is a number in the named process's trace of run `a`.

    `name` is a variable's, "return" for what a function returned or yielded, "stream:NAME" of a draw, "" of a branch.
    `state_differed`: the stream's state differed before the draw already. `is_carried`: so did what the statement read.
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

    Of one name at one line only the first difference is kept, and MAX_DIFFERENCES in all. Undefined memory is no
    difference: what a line that allocates it holds is left out. Threads are compared with those of the same number.
    """
    others = dict(b.traces)
    found: list[LineDifference] = []
    for process, trace_a in a.traces:
        trace_b = others.get(process)
        if trace_b is None:
            continue
        rows: list[LineDifference] = []
        for thread_a, thread_b in _threads(trace_a, trace_b):
            sides = _side(trace_a, thread_a, interned), _side(trace_b, thread_b, interned)
            pair = _Pair(process, thread_a, *sides)
            rows += [*pair.values(), *pair.splits()]
        found += sorted(rows, key=lambda row: row.event)
    return _first_of_each(found)


def first_entry(
    differences: Sequence[LineDifference], before: float, ignored: frozenset[tuple[str, int]] = frozenset()
) -> LineDifference | None:
    """Return where the difference most likely came in that an op shows, event number `before` of the main process.

    Chosen is the earliest difference that nothing earlier explains: a value or branch whose statement read equal
    values, or a draw. At the line of that difference a draw from a stream whose state differed comes before what was
    made of it. Lines in `ignored`, (path, line), are no entries: those that ask a clock differ in every program. What
    is carried counts only if no entry was seen at all, not even an ignored one: then it came in unseen, through another
    name or before recording began. None: nothing differed before the statement of the op itself.
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


# -- one thread ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """The line events of one thread in one run: their numbers in the trace, and the key of each."""

    trace: Trace
    events: Indices
    keys: npt.NDArray[np.uint64]

    def name(self, position: int) -> str:
        return self.trace.strings[int(self.trace.events["name"][self.events[position]])]

    def location(self, position: int) -> Location:
        return self.trace.locations[int(self.trace.events["location"][self.events[position]])]

    def is_undefined(self, position: int) -> bool:
        return bool(self.trace.events["flags"][self.events[position]] & EventFlag.UNDEFINED)

    def inputs(self, position: int) -> tuple[int, ...]:
        return tuple(self.trace.events["inputs"][self.events[position]].tolist())


def _threads(trace_a: Trace, trace_b: Trace) -> Iterator[tuple[int, int]]:
    numbers = {name: number for number, name in enumerate(trace_b.threads)}
    for number, name in enumerate(trace_a.threads):
        if name in numbers and name != _UNMANAGED:
            yield number, numbers[name]


def _side(trace: Trace, thread: int, interned: Interned) -> _Side:
    events = np.flatnonzero((trace.events["kind"] == EventKind.LINE) & (trace.events["thread"] == thread))
    rows = trace.events[events]
    strings, locations = interned.ids(trace)
    return _Side(trace, events, mix(strings[rows["name"]], locations[rows["location"]]))


class _Pair:
    """One thread of one process in both runs, aligned."""

    def __init__(self, process: str, thread: int, a: _Side, b: _Side) -> None:
        self._process, self._thread, self._a, self._b = process, thread, a, b
        alignment = align(a.keys, b.keys)
        self._pairs_a, self._pairs_b = alignment.pairs_a, alignment.pairs_b

    def values(self) -> Iterator[LineDifference]:
        """Yield what both runs did at the same line with another outcome: the first time that each name differs."""
        a, b = self._a, self._b
        rows_a, rows_b = a.trace.events[a.events[self._pairs_a]], b.trace.events[b.events[self._pairs_b]]
        differs = (rows_a["outputs"] != rows_b["outputs"]).any(axis=1)
        differs &= ((rows_a["flags"] | rows_b["flags"]) & EventFlag.UNDEFINED) == 0
        differs &= ~np.isin(rows_a["location"], _undefined_locations(a.trace))
        chosen = np.flatnonzero(differs)
        _, first = np.unique(a.keys[self._pairs_a[chosen]], return_index=True)
        for pair in chosen[np.sort(first)].tolist():
            position = int(self._pairs_a[pair])
            differed = self._read_others(pair)
            if not a.name(position).startswith(STREAM):
                yield self._difference(LineKind.VALUE, position, is_carried=differed)
            else:
                carried = not differed and self._statement_read_others(pair)
                yield self._difference(LineKind.DRAW, position, state_differed=differed, is_carried=carried)

    def splits(self) -> Iterator[LineDifference]:
        """Yield the places from which the runs went different ways, or changed different things at one line."""
        before_a, before_b = (np.concatenate([[-1], pairs]) for pairs in (self._pairs_a, self._pairs_b))
        after_a = np.concatenate([self._pairs_a, [len(self._a.events)]])
        after_b = np.concatenate([self._pairs_b, [len(self._b.events)]])
        for gap in np.flatnonzero((after_a - before_a > 1) | (after_b - before_b > 1)).tolist():
            only_a = range(int(before_a[gap]) + 1, int(after_a[gap]))
            only_b = range(int(before_b[gap]) + 1, int(after_b[gap]))
            yield from self._split(gap - 1, only_a, only_b)

    def _split(self, last: int, only_a: range, only_b: range) -> Iterator[LineDifference]:
        """Yield what comes between a pair, the last that both runs have in common, and the next. -1: there is none."""
        a, b = self._a, self._b
        if not len(a.events):
            return
        position = int(self._pairs_a[last]) if last >= 0 else 0
        carried = last >= 0 and self._read_others(last)
        alone = [(a, k) for k in only_a] + [(b, k) for k in only_b]
        if any(side.name(k) == RAN for side, k in alone):
            yield self._difference(LineKind.BRANCH, position, name=RAN, is_carried=carried)
            return
        for side, k in alone:
            name, place = side.name(k), side.location(k)
            if not side.is_undefined(k):
                kind = LineKind.DRAW if name.startswith(STREAM) else LineKind.VALUE
                of_same_line = carried and place == a.location(position)
                at = k if side is a else position
                yield self._difference(kind, at, name=name, place=place, is_carried=of_same_line)

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

    def _difference(
        self, kind: LineKind, position: int, *, name: str | None = None, place: Location | None = None,
        state_differed: bool = False, is_carried: bool = False,
    ) -> LineDifference:  # fmt: skip
        found = self._a.name(position) if name is None else name
        return LineDifference(
            kind, self._process, int(self._a.events[position]), place or self._a.location(position), found,
            self._thread, state_differed, is_carried,
        )  # fmt: skip


def _undefined_locations(trace: Trace) -> npt.NDArray[np.uint32]:
    """Return the lines at which an op gave out undefined memory."""
    events = trace.events
    allocates = (events["kind"] == EventKind.OP) & ((events["flags"] & EventFlag.UNDEFINED) != 0)
    return np.unique(events["location"][allocates])
