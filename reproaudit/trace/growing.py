"""Reading the events of a run that still goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reproaudit.trace.columns import EventColumns
from reproaudit.trace.records import EVENT
from reproaudit.trace.schema import EVENTS_FILE
from reproaudit.trace.words import PROGRESS_FILE


class GrowingTrace:
    """The trace in a folder, or what there is of it by now: its own process's, not its children's.

    Each event is read once.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._progress = b""
        self._read = 0

    def read_new(self) -> EventColumns:
        """Return the events that came since the last call, once another step has ended."""
        rows = np.empty(0, dtype=EVENT)
        try:
            progress = (self._directory / PROGRESS_FILE).read_bytes()
            if progress != self._progress:
                at = self._read * EVENT.itemsize
                # One that is written just now is not whole, and left to the next call.
                rows = np.fromfile(self._directory / EVENTS_FILE, dtype=EVENT, offset=at)
                self._progress = progress
        except OSError:
            pass  # it has not begun
        self._read += len(rows)
        return EventColumns(rows)
