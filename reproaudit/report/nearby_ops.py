"""Owns the operators of two runs around the place where they first differ, for a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from reproaudit.model.aligned_ops import AlignedOps, RowState, Stretch
from reproaudit.model.packed import Packed
from reproaudit.report.unpacked import read_whole_numbers
from reproaudit.report.wording import show_name

T = TypeVar("T")
_FIRST = (RowState.SOURCE, RowState.ONLY_A, RowState.ONLY_B)

# What a row says of its place, beside both runs.
STATES = {
    RowState.EQUAL: "equal",
    RowState.SOURCE: "born here: equal inputs, other outputs",
    RowState.CARRIER: "passed on: its inputs differ already",
    RowState.ABSORBED: "ends here: other inputs, equal outputs",
    RowState.ONLY_A: "only one run calls it",
    RowState.ONLY_B: "only one run calls it",
    RowState.UNCOMPARED: "not compared",
}


@dataclass(frozen=True, slots=True)
class NearbyOp:
    """A call, as both runs make it or one alone. All texts are escaped."""

    state: RowState
    op: str
    module: str
    line: str


@dataclass(frozen=True, slots=True)
class NearbyOps:
    """Calls in order; `first` is the one at which the runs part. `before` and `after` others of the
    process are not among them."""

    runs: tuple[int, int]
    ops: tuple[NearbyOp, ...]
    first: int
    before: int
    after: int


def find_nearby_ops(ops: AlignedOps, *, before: int, after: int) -> NearbyOps | None:
    """Return the calls around the first source, else around the first that one run alone makes.

    None if there is neither. Raises ValueError for columns that are damaged.
    """
    for wanted in _FIRST:
        for stretch in ops.stretches:
            states = read_whole_numbers(stretch.state, stretch.rows)
            try:
                place = states.index(wanted)
            except ValueError:
                continue
            start = max(place - before, 0)
            end = min(place + after + 1, stretch.rows)
            shown = _read_rows(ops, stretch, range(start, end))
            return NearbyOps(
                runs=ops.runs,
                ops=tuple(shown),
                first=place - start,
                before=stretch.first_row + start,
                after=max(stretch.total - stretch.first_row - end, 0),
            )
    return None


def _read_rows(ops: AlignedOps, stretch: Stretch, places: range) -> list[NearbyOp]:
    def read(column: Packed) -> Sequence[int]:
        return read_whole_numbers(column, stretch.rows)

    states, names, modules, lines = map(
        read, (stretch.state, stretch.op, stretch.module, stretch.location)
    )
    rows = []
    for place in places:
        location = _pick(ops.locations, lines[place])
        rows.append(
            NearbyOp(
                state=RowState(states[place]),
                op=show_name(_pick(ops.strings, names[place])),
                module=show_name(_pick(ops.strings, modules[place])),
                line=show_name(location.place) if location.line else "",
            )
        )
    return rows


def _pick(table: Sequence[T], number: int) -> T:
    if not 0 <= number < len(table):
        raise ValueError(f"a column names entry {number} of a table of {len(table)}")
    return table[number]
