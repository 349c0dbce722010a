"""The tables of boundary tensors of many runs, of which few are in memory at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import overload

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.tables import Table, add_identities, tabulate_boundaries
from reproaudit.trace.reader import TENSOR_KINDS
from reproaudit.trace.runs import Run

# A pair is compared at a time, and a few runs stand for their classes.
_MOST_HELD = 8
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Tables(Sequence[Table]):
    """One table per run, in their order. A table that is not in memory is made again.

    `interned` numbers the names of all runs; without `with_threads` only the main threads' tensors
    are in the tables, `with_identities` says also what each tensor is apart from its position.
    """

    runs: Sequence[Run]
    interned: Interned
    with_threads: bool = True
    with_identities: bool = False
    _held: OrderedDict[int, Table] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self.runs)

    @overload
    def __getitem__(self, at: int) -> Table: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Table]: ...
    def __getitem__(self, at: int | slice) -> Table | Sequence[Table]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        number = range(len(self))[at]
        table = self._held.get(number)
        if table is None:
            table = tabulate_boundaries(self.runs[number], self.interned, self.with_threads)
            self._held[number] = table
        if self.with_identities and table.identities is None:
            table = self._held[number] = add_identities(table, self.runs[number], self.interned)
        self._held.move_to_end(number)
        if len(self._held) > _MOST_HELD:
            self._held.popitem(last=False)
        return table

    def without_threads(self) -> Tables:
        """Return the tables of the main threads alone."""
        return Tables(self.runs, self.interned, with_threads=False)

    def identified(self) -> Tables:
        """Return these tables, with what each tensor is."""
        return replace(self, with_identities=True)


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is kept of every run's table, however many runs there are.

    `deciding` and `contents` are digests: of the rows that decide, with their keys, and of the
    contents of all rows in the order of the table.
    """

    deciding: bytes
    contents: bytes
    decided: int  # how many rows decide
    threaded: int
    undigested: int
    ignored: tuple[int, ...]
    kinds: tuple[int, ...]  # how many there are of each of TENSOR_KINDS


def sketch(table: Table) -> Sketch:
    """Return the sketch of a table: runs with equal ones are equal."""
    decides = table.deciding
    numbers = np.bincount(table.kinds, minlength=max(TENSOR_KINDS) + 1)
    return Sketch(
        deciding=_digest(table.keys[decides], table.digests[decides]),
        contents=_digest(table.digests),
        decided=int(decides.sum()),
        threaded=int(table.threaded.sum()),
        undigested=table.undigested,
        ignored=table.ignored,
        kinds=tuple(int(numbers[kind]) for kind in TENSOR_KINDS),
    )


def digest_contents(contents: npt.NDArray[np.uint64]) -> bytes:
    """Return a digest of the contents of tensors, wherever they stand."""
    return _digest(np.sort(contents))


def _digest(*columns: npt.NDArray[np.uint64]) -> bytes:
    found = blake2b(digest_size=_DIGEST_BYTES)
    for column in columns:
        found.update(len(column).to_bytes(8, "little"))
        found.update(np.ascontiguousarray(column).data)
    return found.digest()
