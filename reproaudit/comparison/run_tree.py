"""The tree of digests of a recorded run, and what its leaves are.

It covers what decides by position: outputs (but those on the way to a loss), gradients, parameters,
what is saved and what is left. Two runs whose roots are equal are of one class, and runs that
`compare_boundaries` puts into one class by position have equal roots. Outside of it stay how runs
ended, batches, tensors that a pattern ignores, the order in which equal tensors may come, and
tolerances: bits decide.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reproaudit.comparison.digest_tree import NO_STEP, DigestTree, Part, digest_leaf
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.leavings import LEFT_NUMBERS
from reproaudit.comparison.tables import Table, tabulate_boundaries
from reproaudit.files import encode
from reproaudit.model.events import EventKind
from reproaudit.trace.runs import Run, open_run

_DIGEST = struct.Struct("<QQ")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A tensor of a run in the place that it has in the tree.

    `occurrence` counts from 0 the tensors of its step that are alike in process, kind and name;
    those that the program gives no order are counted by content.
    """

    step: int  # or NO_STEP
    process: str
    kind: EventKind
    name: str
    in_thread: bool
    occurrence: int
    digest: bytes

    @property
    def node(self) -> bytes:
        """What stands for it in the tree."""
        what = [self.process, self.kind.name.lower(), self.name, self.in_thread, self.occurrence]
        return digest_leaf(encode(what).encode("ascii"), self.digest)


def tree_of(directory: Path) -> DigestTree:
    """Return the tree of the run recorded in a folder. Raises TraceError if it cannot be read."""
    return make_tree(list_leaves(open_run(directory, 0)))


def make_tree(leaves: Iterable[Leaf]) -> DigestTree:
    """Return the tree of a run's leaves."""
    parts = groupby(leaves, key=attrgetter("step"))
    return DigestTree(Part.of(step, [leaf.node for leaf in found]) for step, found in parts)


def list_leaves(run: Run) -> list[Leaf]:
    """Return what decides of a run, in the order of the tree.

    Steps rise, and what belongs to none comes last. Within a step that is by process, kind, name
    and occurrence.
    """
    table = tabulate_boundaries(run, Interned())
    rows = [row for number in range(len(run.traces)) for row in _read_rows(run, table, number)]
    rows.sort(key=_place)
    leaves = []
    for _, alike in groupby(rows, key=_group):
        for occurrence, row in enumerate(alike):
            # Those that do not decide are counted, as the comparison does.
            if row.decides:
                leaves.append(row.as_leaf(occurrence))
    return leaves


class _Row(NamedTuple):
    has_no_step: bool
    step: int
    process: str
    kind: int
    name: str
    in_thread: bool
    content: tuple[int, int]
    event: int
    decides: bool

    def as_leaf(self, occurrence: int) -> Leaf:
        return Leaf(
            step=NO_STEP if self.has_no_step else self.step,
            process=self.process,
            kind=EventKind(self.kind),
            name=self.name,
            in_thread=self.in_thread,
            occurrence=occurrence,
            digest=_DIGEST.pack(*self.content),
        )


def _group(row: _Row) -> tuple[bool, int, str, int, str, bool]:
    return row[:6]


def _place(row: _Row) -> tuple[bool, int, str, int, str, bool, tuple[int, ...]]:
    return *row[:6], (*row.content, row.event) if row.has_no_step else (row.event,)


def _read_rows(run: Run, table: Table, number: int) -> Iterator[_Row]:
    """Yield the rows of one process of a run's table."""
    label, trace = run.traces[number]
    rows = np.flatnonzero(table.processes == number)
    events = table.events[rows]
    columns, strings = trace.columns.take(events), trace.strings
    is_left = np.isin(columns.kind, LEFT_NUMBERS)
    in_thread = table.threaded[rows] & ~is_left
    has_no_step = table.threaded[rows] | is_left
    fields = (
        has_no_step.tolist(),
        np.where(has_no_step, NO_STEP, columns.step).tolist(),
        columns.kind.tolist(),
        columns.name.tolist(),
        in_thread.tolist(),
        table.digests[rows].tolist(),
        events.tolist(),
        table.deciding[rows].tolist(),
    )
    for row in zip(*fields, strict=True):
        without, step, kind, name, threaded, (first, second), event, decides = row
        yield _Row(
            has_no_step=without,
            step=step,
            process=label,
            kind=kind,
            name=strings[name],
            in_thread=threaded,
            content=(first, second),
            event=event,
            decides=decides,
        )
