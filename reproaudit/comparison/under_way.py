"""Whether a run that still goes on differs already from an earlier one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.tables import mark_ignored
from reproaudit.errors import TraceError
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.columns import EventColumns, Mask
from reproaudit.trace.growing import GrowingTrace
from reproaudit.trace.header import read_header
from reproaudit.trace.runs import Run

_STATES = (EventKind.GRADIENT, EventKind.PARAMETER)
_KINDS = (EventKind.OUTPUT, *_STATES)
_Keys = npt.NDArray[np.uint64]


class DifferenceWatch:
    """Answers, of a folder in which a run is recorded, whether it certainly differs from `earlier`.

    It does once an output, gradient or parameter of a step that has ended has bytes that none has
    in the earlier run: whatever comes later, and in whatever order the tensors come,
    `compare_boundaries` puts the two into different classes. Asked again it reads what is new.
    Processes that the program started are not looked at, nor threads but the main one.
    """

    def __init__(self, earlier: Run, interned: Interned) -> None:
        self._ignored = interned.ignored
        self._known = {kind: _list_digests(earlier, kind) for kind in _KINDS}
        self._growing: GrowingTrace | None = None
        self._directory = Path()
        # States after the last output: a program that is stopped may be stopped between them.
        self._pending: list[EventColumns] = []
        self._has_differed = False

    def __call__(self, directory: Path) -> bool:
        """Return True if the run in the folder differs."""
        if self._growing is None or directory != self._directory:
            self._growing, self._directory = GrowingTrace(directory), directory
            self._pending = []
            self._has_differed = False
        if self._has_differed:
            return True
        new = self._growing.read_new()
        if not len(new):
            return False
        outputs = np.flatnonzero(new.are(EventKind.OUTPUT) & (new.thread == 0))
        if not len(outputs):
            self._pending.append(new)
            return False
        settled = int(outputs[-1]) + 1
        certain = [*self._pending, new.take(slice(0, settled))]
        self._pending = [new.take(slice(settled, None))]
        self._has_differed = any(map(self._differs, certain))
        return self._has_differed

    def _differs(self, events: EventColumns) -> bool:
        decides = (events.thread == 0) & ~events.have(EventFlag.UNDIGESTED | EventFlag.INTERMEDIATE)
        if self._ignored:
            decides &= ~self._mark_ignored(events)
        for kind in _KINDS:
            digests = events.output_digests[decides & events.are(kind)][:, 0]
            if not np.isin(digests, self._known[kind]).all():
                return True
        return False

    def _mark_ignored(self, events: EventColumns) -> Mask:
        try:
            strings = read_header(self._directory)["strings"]
        except TraceError:
            return np.ones(len(events), dtype=np.bool_)
        counts = np.zeros(len(self._ignored), dtype=np.int64)
        return mark_ignored(
            events.kind, events.name, strings=strings, ignored=self._ignored, counts=counts
        )


def _list_digests(run: Run, kind: EventKind) -> _Keys:
    """Return the first halves of the digests of all tensors of a kind, of all processes."""
    found = [trace.columns.output_digests[trace.columns.are(kind)][:, 0] for _, trace in run.traces]
    return np.unique(np.concatenate(found))
