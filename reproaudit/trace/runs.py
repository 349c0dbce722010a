"""One run as it was recorded: the trace of its process and those of its children.

A run of a command has no process of its own: a launcher's record stands in its folder, and one of
the processes that it started is the main one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reproaudit.errors import TraceError
from reproaudit.model.events import Outcome, OutcomeKind, Unchecked
from reproaudit.trace.reader import Trace
from reproaudit.trace.schema import RUN_FILE
from reproaudit.trace.shelf import Shelf
from reproaudit.trace.words import CHILD_PREFIX

MAIN_PROCESS = ""
RANK_PREFIX = "rank-"
_MAX_CHILDREN = 4096
_Labelled = tuple[str, Trace]


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its number, the trace of its main process and those of others that left one.

    Each has a label, the same in every run: `rank-K` for a rank, else its place among the
    processes that its parent started. The first one's is MAIN_PROCESS: of ranks that a command
    started it is rank 0. `launcher` is the record of that command.
    """

    index: int
    traces: tuple[_Labelled, ...]
    unreadable: tuple[str, ...] = ()  # labels of processes whose trace is there and cannot be read
    launcher: Trace | None = None

    @property
    def main(self) -> Trace:
        return self.traces[0][1]

    @property
    def name(self) -> str:
        """The name of its folder."""
        own = self.main if self.launcher is None else self.launcher
        return own.directory.name

    @property
    def ranks(self) -> tuple[_Labelled, ...]:
        """The ranks in order, each as it was started last."""
        last: dict[int, _Labelled] = {}
        for label, trace in self.traces:
            process = trace.process
            known = last.get(process.rank)
            is_later = known is None or process.restart > known[1].process.restart
            if process.is_rank and is_later:
                last[process.rank] = (label, trace)
        return tuple(last[rank] for rank in sorted(last))

    @property
    def world(self) -> int:
        """How many ranks there were to be; 0: none."""
        return max(trace.process.world for _, trace in self.traces)

    def trace_of(self, process: str) -> Trace:
        """Return the trace of the process with this label. Raises KeyError if it left none."""
        for label, trace in self.traces:
            if label == process:
                return trace
        raise KeyError(process)

    @property
    def outcome(self) -> Outcome:
        return self.main.outcome if self.launcher is None else self.launcher.outcome

    @property
    def lacks_events(self) -> bool:
        """True if some that were recorded cannot be read, or if that cannot be known."""
        if self.unreadable or any(trace.lacks_events for _, trace in self.traces):
            return True
        # A launcher ends the ranks that are left once one has failed: how far they came is chance.
        silent = any(trace.outcome.kind is OutcomeKind.RUNNING for _, trace in self.ranks)
        return silent and not self.outcome.is_success

    @property
    def steps(self) -> int:
        return max(trace.header["steps"] for _, trace in self.traces)

    @property
    def events(self) -> int:
        return sum(trace.event_count for _, trace in self.traces)


def find_home(process: str) -> str:
    """Return the label of the rank that a process works for; of no rank it is the main process."""
    first, _, _ = process.partition("/")
    return first if first.startswith(RANK_PREFIX) else MAIN_PROCESS


def is_worker(process: str) -> bool:
    """Return True if the process, by its label, is neither the main one nor a rank."""
    return process != find_home(process)


def pair_traces(a: Run, b: Run) -> Iterator[tuple[str, Trace, Trace]]:
    """Yield the processes that both runs have, with their traces."""
    others = dict(b.traces)
    for process, trace_a in a.traces:
        trace_b = others.get(process)
        if trace_b is not None:
            yield process, trace_a, trace_b


def open_run(directory: Path, index: int, shelf: Shelf | None = None) -> Run:
    """Open a run's directory. Children are the sub-folders `child-…`; a broken child is left out,
    never the run. With a shelf, that holds the contents of its traces."""
    open_trace = partial(Trace.open, run=directory, shelf=shelf)
    # First: of a folder that cannot be opened, it says why.
    own = open_trace(directory)
    unreadable: list[str] = []
    children = _name_ranks(_open_children(directory, "", unreadable, open_trace))
    if not own.process.is_launcher:
        traces = [(MAIN_PROCESS, own), *children]
        return Run(index, tuple(traces), tuple(unreadable))
    if not children:
        return Run(index, ((MAIN_PROCESS, own),), tuple(unreadable), launcher=own)
    main = min(children, key=_order_as_main)
    rest = [child for child in children if child is not main]
    traces = [(MAIN_PROCESS, main[1]), *rest]
    return Run(index, tuple(traces), tuple(unreadable), launcher=own)


def _order_as_main(child: _Labelled) -> tuple[bool, int, int, str]:
    """Order processes so that the first stands for the run: rank 0 as it was started last, or else
    the one that trained longest."""
    label, trace = child
    process = trace.process
    if process.is_rank:
        return False, process.rank, -process.restart, label
    return True, -trace.header["steps"], 0, label


def _name_ranks(children: list[_Labelled]) -> list[_Labelled]:
    """Return the children, ranks by their number: where they were started may be chance."""
    # A launcher starts all of them anew.
    starts = [trace.process.restart for _, trace in children if trace.process.is_rank]
    latest = max(starts, default=0)
    renamed: dict[str, str] = {}
    named: list[_Labelled] = []
    taken: set[str] = set()
    for label, trace in children:
        process = trace.process
        above, _, own = label.rpartition("/")
        name = f"{renamed.get(above, above)}/{own}".lstrip("/")
        if process.is_rank:
            name = f"{RANK_PREFIX}{process.rank}"
            if process.restart < latest:
                name += f".start-{process.restart + 1}"
        # Two groups of ranks, one after the other or side by side.
        if name in taken:
            name = f"{name}.{label}"
        taken.add(name)
        renamed[label] = name
        named.append((name, trace))
    return named


def _could_not_be_written(trace: Trace) -> bool:
    return any(note.code is Unchecked.TRACE_NOT_WRITTEN for note in trace.notes)


def _open_children(
    directory: Path, above: str, unreadable: list[str], open_trace: Callable[[Path], Trace]
) -> list[_Labelled]:
    found: list[_Labelled] = []
    for child in sorted(directory.glob(f"{CHILD_PREFIX}*"))[:_MAX_CHILDREN]:
        if child.is_dir() and not child.is_symlink() and (child / RUN_FILE).is_file():
            label = f"{above}{child.name}"
            try:
                trace = open_trace(child)
            except TraceError as error:
                # One that was ended before it had recorded anything has no events.
                if error.code != "trace-missing":
                    unreadable.append(label)
                continue
            if trace.event_count or _could_not_be_written(trace):
                found.append((label, trace))
            found += _open_children(child, f"{label}/", unreadable, open_trace)
    return found
