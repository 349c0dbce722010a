"""Whether a run goes on for nothing: one of its processes has made its steps and was stopped, and
others wait for it for ever, as a server of `torch.distributed.rpc` does."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.trace.ending import read_outcome
from reproaudit.trace.schema import EVENTS_FILE, RUN_FILE
from reproaudit.trace.words import CHILD_PREFIX

_LOOK_S = 2.0
# Nothing may be recorded for as long as the run took until then, within these bounds: a step of
# another process may take long.
_LEAST_S = 20.0
_MOST_S = 600.0
_ENDED = "; what went on and recorded nothing was ended"


class Overdue:
    """Watches the traces of a run that has just begun."""

    def __init__(self, trace_dir: Path, *, least_s: float = _LEAST_S) -> None:
        self._trace_dir = trace_dir
        self._least_s = least_s
        self._started = self._looked = self._grown = time.monotonic()
        self._bytes: dict[Path, int] = {}  # of the events in each folder
        self._read: dict[Path, int] = {}  # headers, by when they were written
        self._stopped: Outcome | None = None
        self._patience_s = 0.0

    def look(self) -> Outcome | None:
        """Return how the run is to end if it goes on for nothing, else None.

        Looks at most once in two seconds.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return None
        self._looked = now
        quiet = []
        for folder in (self._trace_dir, *self._trace_dir.glob(f"**/{CHILD_PREFIX}*")):
            size = _measure(folder)
            if self._bytes.get(folder) == size:
                quiet.append(folder)
            else:
                self._bytes[folder] = size
                self._grown = now
        if self._stopped is None:
            self._stopped = self._find_stopped(quiet)
            self._patience_s = min(_MOST_S, max(self._least_s, now - self._started))
        if self._stopped is None or now - self._grown < self._patience_s:
            return None
        return replace(self._stopped, detail=f"{self._stopped.detail}{_ENDED}")

    def _find_stopped(self, quiet: list[Path]) -> Outcome | None:
        """Return the outcome of a child that the audit stopped after its steps; None if none was.

        Each header is read once, and none that is about to grow: they may be large.
        """
        for folder in quiet:
            try:
                written = os.stat(folder / RUN_FILE).st_mtime_ns
            except OSError:
                continue
            if folder == self._trace_dir or self._read.get(folder) == written:
                continue
            self._read[folder] = written
            outcome = read_outcome(folder)
            if outcome is not None and outcome.kind is OutcomeKind.STOPPED:
                return outcome
        return None


def _measure(folder: Path) -> int:
    try:
        return os.stat(folder / EVENTS_FILE).st_size
    except OSError:
        return 0
