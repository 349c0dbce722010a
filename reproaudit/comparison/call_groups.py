"""Which of many calls to name: one for all at a place, and the first of those that draw."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import mix
from reproaudit.model.events import EventFlag
from reproaudit.trace.columns import EventColumns
from reproaudit.trace.reader import Trace
from reproaudit.trace.words import is_in_place

_Keys = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]

_MAX_SEARCHED = 10_000

# Flags by which calls of one op at one line are told apart: what they are born of, and of which
# kind of generator.
_TELLING = EventFlag.BIRTH | EventFlag.RANDOM | EventFlag.OWN_GENERATOR


def group_by_place(
    born: _Numbers, rows_a: EventColumns, rows_b: EventColumns
) -> Iterator[tuple[int, int]]:
    """Yield the first of the pairs `born` of each origin, op and line, and how many there are.

    In order of appearance.
    """
    rows = rows_a.take(born)
    drew_otherwise = rows.drawn_states != rows_b.drawn_states[born]
    places = mix(rows.flags & _TELLING, drew_otherwise, rows.name, rows.location)
    _, first, counts = np.unique(places, return_index=True, return_counts=True)
    for at in np.argsort(first):
        yield int(born[first[at]]), int(counts[at])


def find_first_drawn(rows: EventColumns, keys: _Keys, left: _Numbers) -> int:
    """Return which of the ops `left`, which have no match, to name.

    Of threads that draw from one stream, whose draw is the first to disagree is chance; the place
    that draws first is not.
    """
    first = int(left[0])
    drawing = left[rows.take(left).have(EventFlag.RANDOM)]
    if not len(drawing) or drawing[0] != first:
        return first
    drawing_keys = keys[drawing]
    _, first_of_each = np.unique(keys, return_index=True)
    places = first_of_each[np.isin(keys[first_of_each], drawing_keys)]
    earliest = int(places.min())
    return int(drawing[drawing_keys == keys[earliest]][0])


def find_first_write(trace: Trace, events: _Numbers, positions: _Numbers) -> int:
    """Return the first of the positions whose event writes in place, else the first of them.

    Threads that only read do not race.
    """
    names = trace.columns.name[events]
    for name, position in zip(names[:_MAX_SEARCHED], positions, strict=False):
        if is_in_place(trace.strings[name]):
            return int(position)
    return int(positions[0])
