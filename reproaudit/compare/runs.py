"""Runs as they are compared: the traces of one run, its process and its children, with strings made common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reproaudit.criteria import Ignored
from reproaudit.errors import TraceError
from reproaudit.model import Location, Outcome
from reproaudit.trace.reader import Trace
from reproaudit.trace.schema import RUN_FILE

MAIN_PROCESS = ""
_MAX_CHILDREN = 4096

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its number, the trace of the process itself and those of its children that left one."""

    index: int
    traces: tuple[tuple[str, Trace], ...]  # (process label, trace); the first label is MAIN_PROCESS

    @property
    def main(self) -> Trace:
        return self.traces[0][1]

    @property
    def outcome(self) -> Outcome:
        return self.main.outcome

    @property
    def steps(self) -> int:
        return max(trace.header["steps"] for _, trace in self.traces)

    @property
    def events(self) -> int:
        return sum(len(trace.events) for _, trace in self.traces)


def open_run(directory: Path, index: int) -> Run:
    """Open a run's directory. Children are the sub-folders `child-…`; a broken child is left out, never the run."""
    traces = [(MAIN_PROCESS, Trace.open(directory)), *_children(directory, "")]
    return Run(index, tuple(traces))


def _children(directory: Path, above: str) -> list[tuple[str, Trace]]:
    found: list[tuple[str, Trace]] = []
    for child in sorted(directory.glob("child-*"))[:_MAX_CHILDREN]:
        if child.is_dir() and not child.is_symlink() and (child / RUN_FILE).is_file():
            label = f"{above}{child.name}"
            try:
                trace = Trace.open(child)
            except TraceError:
                continue
            if len(trace.events):
                found.append((label, trace))
            found += _children(child, f"{label}/")
    return found


class Interned:
    """One numbering of strings and locations over several traces, so that ids can be compared between them.

    `ignored` says which tensors every comparison under this numbering leaves out: those that decide the verdict, and
    those that diagnose it.
    """

    def __init__(self, ignored: tuple[Ignored, ...] = ()) -> None:
        self.ignored = ignored
        self._strings: dict[str, int] = {"": 0}
        self._locations: dict[tuple[str, int], int] = {}
        # The trace is held with its entry: the address of one that is gone is given to another.
        self._by_trace: dict[int, tuple[Trace, Ids, Ids]] = {}

    def string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))

    def ids(self, trace: Trace) -> tuple[Ids, Ids]:
        """Return two arrays that map the trace's string and location ids to the common ones."""
        found = self._by_trace.get(id(trace))
        if found is None:
            strings = np.array([self.string(text) for text in trace.strings], dtype=np.int64)
            locations = np.array([self._location(place) for place in trace.locations], dtype=np.int64)
            found = self._by_trace[id(trace)] = (trace, strings, locations)
        return found[1:]

    def _location(self, place: Location) -> int:
        # A line is the same line whatever the enclosing function is called: generated names vary.
        return self._locations.setdefault((place.path, place.line), len(self._locations))


def mix(*columns: npt.NDArray[np.generic]) -> npt.NDArray[np.uint64]:
    """Hash equally long integer columns row by row to 64 bits, for grouping; equality is the digests' job."""
    result = np.full(len(columns[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for column in columns:
        result ^= column.astype(np.uint64)
        result *= np.uint64(0xBF58476D1CE4E5B9)
        result ^= result >> np.uint64(29)
        result *= np.uint64(0x94D049BB133111EB)
        result ^= result >> np.uint64(32)
    return result


def occurrences(groups: npt.NDArray[np.uint64]) -> Ids:
    """Number the occurrences of each value in their order: [7, 3, 7] gives [0, 0, 1]."""
    order = np.argsort(groups, kind="stable")
    found = np.empty(len(groups), dtype=np.int64)
    found[order] = within_runs(groups[order])
    return found


def within_runs(groups: npt.NDArray[np.uint64]) -> Ids:
    """Number the elements of each run of equal values: [7, 7, 3] gives [0, 1, 0]."""
    if not len(groups):
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.r_[starts, len(groups)]))


def are_among(values: npt.NDArray[np.uint64], others: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Tell which values are among the others; unlike NumPy's `isin` as fast per value with millions as with few."""
    if not len(others):
        return np.zeros(len(values), dtype=np.bool_)
    ordered = np.sort(others)
    found: npt.NDArray[np.bool_] = ordered[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)] == values
    return found
