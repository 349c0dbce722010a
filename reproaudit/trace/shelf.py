"""What is large in traces, held in memory for the runs that were looked at last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reproaudit.model.events import Location
from reproaudit.trace.records import Events
from reproaudit.trace.values import ValuesIndex

# Comparisons look at two runs at a time, and again at the few that stand for their classes.
_MOST_RUNS = 8


@dataclass(frozen=True, eq=False)  # without slots: weak dictionaries have it as a key
class Contents:
    """The events of a trace, its tables, and where its values lie."""

    events: Events
    strings: tuple[str, ...]
    locations: tuple[Location, ...]
    kept: ValuesIndex


class Shelf:
    """Holds the contents of the traces of at most a few runs, for any number of runs.

    Those that were used last are held; others are read again when they are asked for. Only for
    folders that stay as they are: files that change meanwhile are a TraceError then.
    """

    def __init__(self, most_runs: int = _MOST_RUNS) -> None:
        self._most_runs = most_runs
        # By the folder of the run, then by that of the trace.
        self._held: OrderedDict[Path, dict[Path, Contents]] = OrderedDict()

    def put(self, run: Path, trace: Path, contents: Contents) -> None:
        """Hold the contents of a trace of a run, and let go of the run that was used first."""
        self._held.setdefault(run, {})[trace] = contents
        self._held.move_to_end(run)
        if len(self._held) > self._most_runs:
            self._held.popitem(last=False)

    def get(self, run: Path, trace: Path, read: Callable[[], Contents]) -> Contents:
        """Return the contents of a trace of a run, which `read` reads if they are not held."""
        contents = self._held.get(run, {}).get(trace)
        if contents is None:
            contents = read()
            self.put(run, trace, contents)
        else:
            self._held.move_to_end(run)
        return contents
