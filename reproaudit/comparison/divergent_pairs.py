"""Which boundary tensors differ between two runs, in pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import are_among, mix, occurrences
from reproaudit.comparison.tables import Table
from reproaudit.model.events import EventKind

_Numbers = npt.NDArray[np.int64]
_Keys = npt.NDArray[np.uint64]
_Kinds = npt.NDArray[np.uint8]
_Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pair:
    """An aligned pair of boundary events that differ.

    An event number is None where one run lacks the tensor.
    """

    process: str
    event_a: int | None
    event_b: int | None


@dataclass(frozen=True, slots=True, eq=False)
class DivergentPairs(Sequence[Pair]):
    """Pairs, made one by one when asked for: a long run that diverges early has millions."""

    labels: tuple[str, ...]
    processes: _Numbers  # numbers of labels
    events_a: _Numbers  # -1 where run `a` lacks the tensor
    events_b: _Numbers
    kinds: _Kinds

    def __len__(self) -> int:
        return len(self.processes)

    @overload
    def __getitem__(self, at: int) -> Pair: ...
    @overload
    def __getitem__(self, at: slice) -> DivergentPairs: ...
    def __getitem__(self, at: int | slice) -> Pair | DivergentPairs:
        if isinstance(at, slice):
            return self._take(at)
        event_a = int(self.events_a[at])
        event_b = int(self.events_b[at])
        return Pair(
            process=self.labels[self.processes[at]],
            event_a=None if event_a < 0 else event_a,
            event_b=None if event_b < 0 else event_b,
        )

    def __iter__(self) -> Iterator[Pair]:
        for at in range(len(self)):
            yield self[at]

    def of_kind(self, kind: EventKind) -> DivergentPairs:
        """Return the pairs of one kind of tensor that both runs have."""
        both_have_it = (self.events_a >= 0) & (self.events_b >= 0)
        return self._take((self.kinds == kind) & both_have_it)

    def without_kind(self, kind: EventKind) -> DivergentPairs:
        """Return the pairs of all other kinds of tensor."""
        return self._take(self.kinds != kind)

    def _take(self, at: slice | _Marks) -> DivergentPairs:
        return DivergentPairs(
            labels=self.labels,
            processes=self.processes[at],
            events_a=self.events_a[at],
            events_b=self.events_b[at],
            kinds=self.kinds[at],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Which rows of two tables belong together, and which are equal.

    For each row of table `a`: whether its tensor differs or has no partner, and the row of its
    partner, -1 for none. Where a tensor with its content stands elsewhere in table `b`, that row
    need not be its partner. `alone_b` marks the rows of table `b` without partner.
    """

    differs: _Marks
    partners: _Numbers
    alone_b: _Marks

    def find_partners(self, b: Table, rows: _Numbers) -> _Numbers:
        """Return the events of the partners of rows of table `a`, -1 for none."""
        partners = self.partners[rows]
        events = np.full(len(rows), -1)
        has_partner = partners >= 0
        events[has_partner] = b.events[partners[has_partner]]
        return events


def pair_rows(a: Table, b: Table) -> Pairing:
    """Pair the rows of two tables by their positions, or, where some contents only stand at other
    ones, what is left by what tensor it is."""
    at_a, at_b = _find_same_keys(a.keys, b.keys)
    differs = np.ones(len(a.keys), dtype=np.bool_)
    differs[at_a] = (a.digests[at_a] != b.digests[at_b]).any(axis=1)
    is_alone = np.ones(len(b.keys), dtype=np.bool_)
    is_alone[at_b] = False
    left_a, left_b = _find_contents_of_one(a, b)
    if (differs & ~left_a).any():
        # Some of what differs stands elsewhere in the other run: positions say nothing.
        at_a, at_b = _pair_by_tensor(a, b, left_a, left_b)
        differs = left_a
        is_alone = left_b.copy()
        is_alone[at_b] = False
    partners = np.full(len(a.keys), -1)
    partners[at_a] = at_b
    return Pairing(differs, partners, is_alone)


def divergent_pairs(a: Table, b: Table) -> DivergentPairs:
    """Return the pairs whose digests differ, and the tensors that lack a partner.

    In the order of run `a`, then of run `b`.
    """
    pairing = pair_rows(a, b)
    first = sort_by_program(a, np.flatnonzero(pairing.differs))
    last = sort_by_program(b, np.flatnonzero(pairing.alone_b))
    partners = pairing.find_partners(b, first)
    return DivergentPairs(
        labels=(*a.labels, *b.labels),
        processes=np.concatenate((a.processes[first], b.processes[last] + len(a.labels))),
        events_a=np.concatenate((a.events[first], np.full(len(last), -1))),
        events_b=np.concatenate((partners, b.events[last])),
        kinds=np.concatenate((a.kinds[first], b.kinds[last])),
    )


def _find_contents_of_one(a: Table, b: Table) -> tuple[_Marks, _Marks]:
    """Mark the rows of each table whose tensor has no such content anywhere in the other."""
    if a.identities is None or b.identities is None:
        return np.ones(len(a.keys), dtype=np.bool_), np.ones(len(b.keys), dtype=np.bool_)
    contents_a = a.identities.contents
    contents_b = b.identities.contents
    return ~are_among(contents_a, contents_b), ~are_among(contents_b, contents_a)


def _pair_by_tensor(
    a: Table, b: Table, left_a: _Marks, left_b: _Marks
) -> tuple[_Numbers, _Numbers]:
    """Pair the rows that are left: the first of each tensor with the first, and so on."""
    rows_a, keys_a = _number_tensors(a, left_a)
    rows_b, keys_b = _number_tensors(b, left_b)
    at_a, at_b = _find_same_keys(keys_a, keys_b)
    return rows_a[at_a], rows_b[at_b]


def _number_tensors(table: Table, left: _Marks) -> tuple[_Numbers, _Keys]:
    assert table.identities is not None
    rows = np.flatnonzero(left)
    rows = rows[np.argsort(table.events[rows], kind="stable")]
    tensors = table.identities.tensors[rows]
    keys = mix(tensors, occurrences(tensors))
    order = np.argsort(keys)
    return rows[order], keys[order]


def _find_same_keys(a: _Keys, b: _Keys) -> tuple[_Numbers, _Numbers]:
    """Return where the keys that both tables have stand in each.

    Both are sorted. Of equal keys within one table the first counts.
    """
    at_b = np.searchsorted(b, a)
    found = at_b < len(b)
    found[found] = b[at_b[found]] == a[found]
    found[1:] &= a[1:] != a[:-1]
    at_a = np.flatnonzero(found)
    return at_a, at_b[at_a]


def sort_by_program(table: Table, rows: _Numbers) -> _Numbers:
    """Sort rows of a table by the label of the process, then by event."""
    # The argument that sorts, sorted again, is the place of each label among the sorted ones.
    rank = np.argsort(np.argsort(np.array(table.labels)))
    return rows[np.lexsort((table.events[rows], rank[table.processes[rows]]))]
