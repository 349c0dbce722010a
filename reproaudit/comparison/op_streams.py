"""The ops of one process in one run, and the keys by which those of two runs are aligned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import mix
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import EventKind
from reproaudit.trace.columns import EventColumns
from reproaudit.trace.reader import Trace

_Keys = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class OpStream:
    """Ops with a key each, of what it is, where it stands and in which step."""

    trace: Trace
    events: _Numbers
    keys: _Keys
    steps: _Numbers

    def columns(self) -> EventColumns:
        return self.trace.columns.take(self.events)


@dataclass(frozen=True, slots=True, eq=False)
class Ops:
    """Some of a trace's ops, by their event numbers."""

    trace: Trace
    events: _Numbers

    def columns(self) -> EventColumns:
        """Return a copy of their columns. Not kept here: a record has 64 bytes."""
        return self.trace.columns.take(self.events)

    def make_keys(self, interned: Interned, *, step: bool) -> _Keys:
        """Return a key per op, of what it is and where it stands; with `step` also of when."""
        strings, locations = interned.ids(self.trace)
        columns = self.columns()
        names = (strings[columns.name], strings[columns.module], locations[columns.location])
        if step:
            return mix(columns.phase, *names, interned.count_steps(self.trace, self.events))
        return mix(columns.phase, *names)

    def make_stream(self, interned: Interned) -> OpStream:
        """Return the ops with their keys."""
        keys = self.make_keys(interned, step=True)
        steps = interned.count_steps(self.trace, self.events)
        return OpStream(self.trace, self.events, keys, steps)


def select_ops(trace: Trace, interned: Interned, in_threads: bool) -> Ops:
    """Return the ops of the main thread, or those of all other threads."""
    columns = trace.columns
    wanted = columns.are(EventKind.OP) & (columns.are_in_threads() == in_threads)
    return Ops(trace, interned.leave_out_beginning(trace, np.flatnonzero(wanted)))
