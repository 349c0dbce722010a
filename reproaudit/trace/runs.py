"""One run as it was recorded: the trace of its process and those of its children."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reproaudit.errors import TraceError
from reproaudit.model.events import Outcome
from reproaudit.trace.reader import Trace
from reproaudit.trace.schema import RUN_FILE
from reproaudit.trace.words import CHILD_PREFIX

MAIN_PROCESS = ""
_MAX_CHILDREN = 4096


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its number, the trace of its process and those of the children that left one."""

    index: int
    traces: tuple[tuple[str, Trace], ...]  # (process label, trace); the first label is MAIN_PROCESS
    unreadable: tuple[str, ...] = ()  # labels of processes whose trace is there and cannot be read

    @property
    def main(self) -> Trace:
        return self.traces[0][1]

    def trace_of(self, process: str) -> Trace:
        """Return the trace of the process with this label. Raises KeyError if it left none."""
        for label, trace in self.traces:
            if label == process:
                return trace
        raise KeyError(process)

    @property
    def outcome(self) -> Outcome:
        return self.main.outcome

    @property
    def lacks_events(self) -> bool:
        """True if some that were recorded cannot be read, or if that cannot be known."""
        return bool(self.unreadable) or any(trace.lacks_events for _, trace in self.traces)

    @property
    def steps(self) -> int:
        return max(trace.header["steps"] for _, trace in self.traces)

    @property
    def events(self) -> int:
        return sum(len(trace.events) for _, trace in self.traces)


def pair_traces(a: Run, b: Run) -> Iterator[tuple[str, Trace, Trace]]:
    """Yield the processes that both runs have, with their traces."""
    others = dict(b.traces)
    for process, trace_a in a.traces:
        trace_b = others.get(process)
        if trace_b is not None:
            yield process, trace_a, trace_b


def open_run(directory: Path, index: int) -> Run:
    """Open a run's directory. Children are the sub-folders `child-…`; a broken child is left out,
    never the run."""
    # First: of a folder that cannot be opened, it says why.
    main = Trace.open(directory)
    unreadable: list[str] = []
    children = _open_children(directory, "", unreadable)
    traces = [(MAIN_PROCESS, main), *children]
    return Run(index, tuple(traces), tuple(unreadable))


def _open_children(directory: Path, above: str, unreadable: list[str]) -> list[tuple[str, Trace]]:
    found: list[tuple[str, Trace]] = []
    for child in sorted(directory.glob(f"{CHILD_PREFIX}*"))[:_MAX_CHILDREN]:
        if child.is_dir() and not child.is_symlink() and (child / RUN_FILE).is_file():
            label = f"{above}{child.name}"
            try:
                trace = Trace.open(child)
            except TraceError as error:
                # One that was ended before it had recorded anything has no events.
                if error.code != "trace-missing":
                    unreadable.append(label)
                continue
            if len(trace.events):
                found.append((label, trace))
            found += _open_children(child, f"{label}/", unreadable)
    return found
