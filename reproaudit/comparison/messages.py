"""What comes from other ranks: an op that receives it makes no difference, it hands one on.

Only where all ranks gave the same in both runs, and the result is another one all the same, is it
the op that reduced in another order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.align import Alignment
from reproaudit.comparison.columns import mix
from reproaudit.comparison.op_streams import OpStream
from reproaudit.model.events import EventFlag
from reproaudit.trace.columns import EventColumns, Mask
from reproaudit.trace.reader import Trace
from reproaudit.trace.words import is_message, is_spread, reduces

_Keys = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]

# Flags of an op whose `aux` says something else than how much was given to be reduced.
_SAYS_OTHERWISE = EventFlag.READS_UNDEFINED | EventFlag.OUTSIDE_WRITE | EventFlag.UNDEFINED


def mark_messages(trace: Trace, columns: EventColumns) -> Mask:
    """Mark the ops that other processes take part in."""
    return _mark(trace, columns, is_message)


def _mark(trace: Trace, columns: EventColumns, has: Callable[[str], bool]) -> Mask:
    """Mark the ops whose names have a property."""
    names = np.array([has(text) for text in trace.strings], dtype=np.bool_)
    if not len(names) or not names.any():
        return np.zeros(len(columns), dtype=np.bool_)
    # A trace may come from a stranger, and name a text that it does not have.
    marked: Mask = names[np.minimum(columns.name, len(names) - 1)]
    return marked


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that gave one process another result in each run, though it gave the same itself.

    `is_reordered`: so did all other ranks, and the result was computed of what they gave.
    `is_computed`: so did all other ranks, and the op computed with what it has on each.
    """

    process: str
    event_a: int
    event_b: int
    is_reordered: bool
    is_computed: bool = False


@dataclass(frozen=True, slots=True)
class Regrouping:
    """The first message of a process that reduces another part of what a step reduces, in each run.

    `messages_a` and `messages_b` are how many there are in that step.
    """

    process: str
    event_a: int
    event_b: int
    messages_a: int
    messages_b: int


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What one process gave to messages in both runs.

    `agreed` has the messages to which it gave the same, by what they are and their number among
    those alike. `received` are the aligned messages whose results differ though they are among
    them, as event numbers of both runs and that identity.
    """

    process: str
    agreed: frozenset[int]
    received: tuple[tuple[int, int, int], ...]
    reductions: frozenset[int]  # event numbers in the first run
    spread: frozenset[int]  # of ops on tensors whose parts lie on several ranks
    regrouping: Regrouping | None


class Exchange:
    """The messages of all processes of two runs.

    `ranks` is how many processes there were to be; 0: unknown.
    """

    def __init__(self, ranks: int) -> None:
        self._ranks = ranks
        self._parts: list[_Part] = []

    def add(self, process: str, a: OpStream, b: OpStream, alignment: Alignment) -> None:
        """Add the aligned ops of a process."""
        of_a = mark_messages(a.trace, a.columns())
        of_b = mark_messages(b.trace, b.columns())
        if not of_a.any() and not of_b.any():
            return
        identities_a = _identify(a.keys, of_a)
        identities_b = _identify(b.keys, of_b)
        at_a = alignment.pairs_a
        at_b = alignment.pairs_b
        is_paired = of_a[at_a] & of_b[at_b]
        at_a = at_a[is_paired]
        at_b = at_b[is_paired]
        is_same_message = identities_a[at_a] == identities_b[at_b]
        at_a = at_a[is_same_message]
        at_b = at_b[is_same_message]
        rows_a = a.columns().take(at_a)
        rows_b = b.columns().take(at_b)
        gave_same = (rows_a.input_digests == rows_b.input_digests).all(axis=1)
        gave_same &= rows_a.input_digests.any(axis=1)  # else nobody digested what was given
        flags = rows_a.flags | rows_b.flags
        skipped = EventFlag.UNDIGESTED | EventFlag.UNDEFINED | EventFlag.RAISED
        is_other = (rows_a.output_digests != rows_b.output_digests).any(axis=1)
        is_other &= (flags & skipped) == 0
        received = []
        for position in np.flatnonzero(gave_same & is_other):
            first, second = at_a[position], at_b[position]
            identity = int(identities_a[first])
            received.append((int(a.events[first]), int(b.events[second]), identity))
        is_reduction = _mark(a.trace, a.columns(), reduces)
        self._parts.append(
            _Part(
                process=process,
                agreed=frozenset(identities_a[at_a[gave_same]].tolist()),
                received=tuple(received),
                reductions=frozenset(a.events[is_reduction].tolist()),
                spread=frozenset(a.events[_mark(a.trace, a.columns(), is_spread)].tolist()),
                regrouping=_find_regrouping(process, a, b),
            )
        )

    def list_deliveries(self) -> list[Delivery]:
        """Return the first message of each process that handed a difference on, and the first of
        each that made one."""
        found: list[Delivery] = []
        for part in self._parts:
            seen: set[tuple[bool, bool]] = set()
            for event_a, event_b, identity in part.received:
                is_made = self._gave_all_the_same(identity)
                kind = (is_made and event_a in part.reductions, is_made and event_a in part.spread)
                if kind not in seen:
                    seen.add(kind)
                    found.append(Delivery(part.process, event_a, event_b, *kind))
        return found

    def _gave_all_the_same(self, identity: int) -> bool:
        if len(self._parts) < max(self._ranks, 2):
            return False  # what a rank gave that left no trace is not known
        return all(identity in part.agreed for part in self._parts)

    def list_regroupings(self) -> list[Regrouping]:
        """Return for each rank where messages first reduce other parts of the same whole.

        Nothing unless all ranks do so.
        """
        found = [part.regrouping for part in self._parts if part.regrouping is not None]
        is_of_all = len(found) == len(self._parts) >= max(self._ranks, 2)
        return found if is_of_all else []


def _identify(keys: _Keys, are_messages: Mask) -> _Keys:
    """Return for each op what tells a message from all others, in every process: its key, and its
    number among those with this key. 0 for what is no message."""
    identities = np.zeros(len(keys), dtype=np.uint64)
    positions = np.flatnonzero(are_messages)
    counts: dict[int, int] = {}
    numbers = np.zeros(len(positions), dtype=np.int64)
    for index, key in enumerate(keys[positions].tolist()):
        numbers[index] = counts.get(key, 0)
        counts[key] = counts.get(key, 0) + 1
    if len(positions):
        identities[positions] = mix(keys[positions], numbers)
    return identities


def _find_regrouping(process: str, a: OpStream, b: OpStream) -> Regrouping | None:
    """Return where a process first gives the bytes of a step to other messages than before."""
    sizes_a, steps_a, events_a = _list_reductions(a)
    sizes_b, steps_b, events_b = _list_reductions(b)
    for step in np.union1d(steps_a, steps_b):
        in_a = np.flatnonzero(steps_a == step)
        in_b = np.flatnonzero(steps_b == step)
        if np.array_equal(sizes_a[in_a], sizes_b[in_b]):
            continue
        is_same_whole = sizes_a[in_a].sum() == sizes_b[in_b].sum()
        are_other_parts = not np.array_equal(np.sort(sizes_a[in_a]), np.sort(sizes_b[in_b]))
        if not is_same_whole or not are_other_parts:
            return None
        count = min(len(in_a), len(in_b))
        differing = np.flatnonzero(sizes_a[in_a[:count]] != sizes_b[in_b[:count]])
        if not len(differing):
            return None
        first = int(differing[0])
        return Regrouping(
            process,
            int(events_a[in_a[first]]),
            int(events_b[in_b[first]]),
            messages_a=len(in_a),
            messages_b=len(in_b),
        )
    return None


def _list_reductions(one: OpStream) -> tuple[_Numbers, _Numbers, _Numbers]:
    """Return the bytes, the steps and the event numbers of the messages that reduce."""
    columns = one.columns()
    chosen = _mark(one.trace, columns, reduces) & ~columns.have(_SAYS_OTHERWISE)
    sizes = columns.reduced_bytes[chosen].astype(np.int64)
    return sizes, one.steps[chosen], one.events[chosen]
