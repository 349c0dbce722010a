"""The events of a whole trace by columns, for work on millions of them: one array per field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.records import Events

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class EventColumns:
    """The fields of all events, or of some of them, in the order of the trace.

    Every property of all events is a view of the file's own memory: copy a column before it is
    changed. Of some of them a column is gathered each time that it is asked for: whole records,
    which are 64 bytes each, are never copied. `chosen` numbers `rows`; None: all of them.
    """

    rows: Events
    chosen: Numbers | None = None

    def __len__(self) -> int:
        return len(self.rows if self.chosen is None else self.chosen)

    def take(self, chosen: Numbers | Mask | slice) -> EventColumns:
        """Return the columns of the events that `chosen` numbers or marks."""
        if self.chosen is not None:
            return EventColumns(self.rows, self.chosen[chosen])
        if isinstance(chosen, slice):
            return EventColumns(self.rows[chosen])
        is_mask = chosen.dtype == np.bool_
        return EventColumns(
            self.rows, np.flatnonzero(chosen) if is_mask else chosen.astype(np.int64, copy=False)
        )

    def _column(self, field: str) -> npt.NDArray[Any]:
        column: npt.NDArray[Any] = self.rows[field]
        return column if self.chosen is None else column[self.chosen]

    @property
    def kind(self) -> npt.NDArray[np.uint8]:
        return self._column("kind")

    @property
    def phase(self) -> npt.NDArray[np.uint8]:
        return self._column("phase")

    @property
    def flags(self) -> npt.NDArray[np.uint16]:
        return self._column("flags")

    @property
    def step(self) -> npt.NDArray[np.int32]:
        return self._column("step")

    @property
    def name(self) -> npt.NDArray[np.uint32]:
        """The string ids of the names."""
        return self._column("name")

    @property
    def module(self) -> npt.NDArray[np.uint32]:
        """The string ids of the module paths; of tensors those of the ranks that hold copies."""
        return self._column("module")

    @property
    def location(self) -> npt.NDArray[np.uint32]:
        """The location ids of the user's lines."""
        return self._column("location")

    @property
    def thread(self) -> npt.NDArray[np.uint16]:
        return self._column("thread")

    @property
    def input_digests(self) -> npt.NDArray[np.uint64]:
        """Shape [events, 2]. Of ops, lines and entropy calls only."""
        return self._column("inputs")

    @property
    def output_digests(self) -> npt.NDArray[np.uint64]:
        """Shape [events, 2]. Of everything but alerts and replays."""
        return self._column("outputs")

    @property
    def drawn_states(self) -> npt.NDArray[np.uint64]:
        """The digests of the generator states that ops consumed; of ops that are RANDOM only."""
        return self._column("aux")

    @property
    def descriptions(self) -> npt.NDArray[np.uint64]:
        """The string ids of what tensors are: their dtypes and shapes; of tensors only."""
        return self._column("aux")

    @property
    def reduced_bytes(self) -> npt.NDArray[np.uint64]:
        """How much this process gave to be reduced; of ops that reduce over several, without flags
        that say something else."""
        return self._column("aux")

    @property
    def shown_values(self) -> npt.NDArray[np.uint64]:
        """The string ids of what entropy calls returned as text; of entropy calls only."""
        return self._column("aux")

    @property
    def saves(self) -> npt.NDArray[np.uint64]:
        """Shape [events, 2]: the number of a file, and of a save of it; of saved tensors only."""
        return self._column("inputs")

    def are(self, *kinds: EventKind) -> Mask:
        """Mark the events of these kinds."""
        wanted = np.zeros(256, dtype=np.bool_)
        wanted[[int(kind) for kind in kinds]] = True
        marked: Mask = wanted[self.kind]
        return marked

    def have(self, flags: EventFlag) -> Mask:
        """Mark the events that have at least one of these flags."""
        marked: Mask = (self.flags & int(flags)) != 0
        return marked

    def are_in_threads(self) -> Mask:
        """Mark the events of all threads but the main one."""
        marked: Mask = self.thread != 0
        return marked

    def numbers(self, *kinds: EventKind, flags: EventFlag | None = None) -> Numbers:
        """Return the numbers of the events of these kinds, and with one of the flags if given."""
        marked = self.are(*kinds)
        if flags is not None:
            marked &= self.have(flags)
        return np.flatnonzero(marked)
