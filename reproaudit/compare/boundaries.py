"""Comparing what every run must agree on: batches, outputs, gradients, parameters; and grouping
equal runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from reproaudit.compare.columns import mix, occurrences, within_runs
from reproaudit.compare.interning import Interned
from reproaudit.config.tolerance import Ignored
from reproaudit.model.events import (
    EventFlag,
    EventKind,
    NotChecked,
    OutcomeKind,
    ProgramWarning,
    Unchecked,
)
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run

KINDS = (EventKind.BATCH, EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)
# A batch that differs is evidence of where the difference came in. It decides nothing by itself:
# padding that a mask removes may hold undefined bytes in every run while training is equal to the
# last bit. The same holds for an output that a later backward pass starts from: its loss and its
# gradients decide.
DECIDING = (EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)
_DECIDING_NUMBERS = [int(kind) for kind in DECIDING]

_Numbers = npt.NDArray[np.int64]
_KIND_NUMBERS = [int(kind) for kind in KINDS]


@dataclass(frozen=True, slots=True)
class Table:
    """A run's boundary tensors in canonical order: equal runs have equal tables.

    Rows of the main thread are in order of occurrence within (process, step, kind, name). Other
    threads have no common order between runs: their rows are compared as a multiset per (process,
    kind, name), over all steps.
    """

    keys: npt.NDArray[np.uint64]
    digests: npt.NDArray[np.uint64]  # shape [rows, 2]
    kinds: npt.NDArray[np.uint8]
    processes: _Numbers
    events: _Numbers  # event numbers within the process's trace
    threaded: npt.NDArray[np.bool_]
    deciding: npt.NDArray[np.bool_]
    labels: tuple[str, ...]  # of the processes that `processes` numbers
    undigested: int
    ignored: tuple[
        int, ...
    ] = ()  # rows that were left out, by pattern; one that two patterns match counts for both


@dataclass(frozen=True, slots=True)
class Pair:
    """An aligned pair of boundary events that differ; an event number is None where one run lacks
    the tensor."""

    process: str
    event_a: int | None
    event_b: int | None


def tabulate(run: Run, interned: Interned, with_threads: bool = True) -> Table:
    """Return the run's boundary tensors in canonical order, its children's included."""
    counts = np.zeros(len(interned.ignored), dtype=np.int64)
    parts = [
        _rows(
            trace,
            interned.string(label),
            interned=interned,
            with_threads=with_threads,
            ignored_counts=counts,
        )
        for label, trace in run.traces
    ]
    columns = [np.concatenate([part[i] for part in parts]) for i in range(6)]
    keys, digests, kinds, events, threaded, deciding = columns
    processes = np.concatenate(
        [np.full(len(part[0]), number, dtype=np.int64) for number, part in enumerate(parts)]
    )
    order = np.argsort(keys)
    undigested = sum(_undigested(trace) for _, trace in run.traces)
    labels = tuple(label for label, _ in run.traces)
    return Table(
        keys=keys[order],
        digests=digests[order],
        kinds=kinds[order],
        processes=processes[order],
        events=events[order],
        threaded=threaded[order],
        deciding=deciding[order],
        labels=labels,
        undigested=undigested,
        ignored=tuple(counts.tolist()),
    )


def _undigested(trace: Trace) -> int:
    events = trace.columns
    return int(
        (np.isin(events.kind, _KIND_NUMBERS) & ((events.flags & EventFlag.UNDIGESTED) != 0)).sum()
    )


def _rows(
    trace: Trace, process: int, *, interned: Interned, with_threads: bool, ignored_counts: _Numbers
) -> tuple[npt.NDArray[Any], ...]:
    events = trace.columns
    chosen = np.flatnonzero(
        np.isin(events.kind, _KIND_NUMBERS) & ((events.flags & EventFlag.UNDIGESTED) == 0)
    )
    chosen = chosen[~_ignored(trace, chosen, interned.ignored, ignored_counts)]
    threaded = events.thread[chosen] != 0
    if not with_threads:
        chosen, threaded = chosen[~threaded], threaded[~threaded]
    # Column by column: a copy of whole records is four times the bytes that are needed.
    kinds, flags, outputs = (
        column[chosen] for column in (events.kind, events.flags, events.output_digests)
    )
    strings, _ = interned.ids(trace)
    steps = np.where(threaded, -1, events.step[chosen].astype(np.int64))
    process_column = np.full(len(chosen), process)
    same = (process_column, threaded, steps, kinds, strings[events.name[chosen]])
    group = mix(*same)
    # Within a group the main thread keeps its order; other threads are ordered by content.
    if threaded.any():
        first = np.where(threaded, outputs[:, 0], np.arange(len(chosen), dtype=np.uint64))
        second = np.where(threaded, outputs[:, 1], np.uint64(0))
        order = np.lexsort((second, first, group))
        occurrence = np.empty(len(chosen), dtype=np.int64)
        occurrence[order] = within_runs(group[order])
    else:
        occurrence = occurrences(group)
    gradients = np.flatnonzero(events.kind == EventKind.GRADIENT)
    last_gradient = int(gradients[-1]) if len(gradients) else -1
    on_the_way = ((flags & EventFlag.INTERMEDIATE) != 0) & (chosen < last_gradient)
    deciding = np.isin(kinds, _DECIDING_NUMBERS) & ~on_the_way
    return mix(group, occurrence), outputs, kinds, chosen.astype(np.int64), threaded, deciding


def _ignored(
    trace: Trace, chosen: _Numbers, ignored: tuple[Ignored, ...], counts: _Numbers
) -> npt.NDArray[np.bool_]:
    """Tell which rows a pattern names, and add to `counts` how many each pattern does."""
    left_out = np.zeros(len(chosen), dtype=np.bool_)
    if not ignored:
        return left_out
    kinds, names = trace.columns.kind[chosen], trace.columns.name[chosen]
    # Names repeat at every step: a pattern is asked once per name.
    present = {(int(kind), int(name)) for kind, name in zip(kinds, names, strict=True)}
    for number, one in enumerate(ignored):
        for kind, name in present:
            if one.pattern.matches(EventKind(kind), trace.strings[name]):
                rows = (kinds == kind) & (names == name)
                counts[number] += rows.sum()
                left_out |= rows
    return left_out


@dataclass(frozen=True, slots=True)
class BoundaryComparison:
    classes: tuple[tuple[int, ...], ...]
    compared: int  # deciding tensors per run, of the run with the fewest
    counts: tuple[tuple[str, int], ...]
    tables: tuple[Table, ...]
    not_checked: tuple[NotChecked, ...]
    warnings: tuple[ProgramWarning, ...] = ()
    ignored: int = 0  # tensors per run that were left out because a pattern names them

    @property
    def has_harmless_differences(self) -> bool:
        """True if runs of one class differ in tensors that decide nothing."""
        first = self.tables[0] if self.tables else None
        return len(self.classes) == 1 and any(
            len(table.keys) != len(first.keys) or (table.digests != first.digests).any()
            for table in self.tables[1:]
            if first
        )


def compare_boundaries(runs: Sequence[Run], interned: Interned) -> BoundaryComparison:
    """Group the runs into classes of equal deciding tensors, in order of first appearance."""
    tables = tuple(tabulate(run, interned) for run in runs)
    notes: list[NotChecked] = []
    stopped = any(run.outcome.kind == OutcomeKind.STOPPED for run in runs)
    if stopped and len({int(table.threaded.sum()) for table in tables}) > 1:
        # Where the other threads stood when the audit stopped the program is chance, not the
        # program's doing.
        tables = tuple(tabulate(run, interned, with_threads=False) for run in runs)
        notes.append(
            NotChecked(
                Unchecked.THREADS_STOPPED,
                "tensors of threads other than the main one",
                "the audit stopped them at different points",
            )
        )
    groups: dict[bytes, list[int]] = {}
    for run, table in zip(runs, tables, strict=True):
        deciding = table.deciding
        content = (
            table.keys[deciding].tobytes() + np.ascontiguousarray(table.digests[deciding]).tobytes()
        )
        groups.setdefault(content, []).append(run.index)
    blind = max((table.undigested for table in tables), default=0)
    if blind:
        notes.append(
            NotChecked(
                Unchecked.NO_BYTES,
                f"{blind} boundary tensors per run",
                "they have no bytes that could be digested",
            )
        )
    ignored = [
        max((table.ignored[i] for table in tables), default=0) for i in range(len(interned.ignored))
    ]
    told, warnings = _told(interned.ignored, ignored)
    notes += told
    compared = min((int(table.deciding.sum()) for table in tables), default=0)
    counts = (
        tuple((kind.name.lower(), int((tables[0].kinds == kind).sum())) for kind in KINDS)
        if tables
        else ()
    )
    classes = tuple(tuple(group) for group in groups.values())
    return BoundaryComparison(
        classes=classes,
        compared=compared,
        counts=counts,
        tables=tables,
        not_checked=tuple(notes),
        warnings=warnings,
        ignored=sum(ignored),
    )


def _told(
    ignored: Sequence[Ignored], counts: Sequence[int]
) -> tuple[list[NotChecked], tuple[ProgramWarning, ...]]:
    """Say what was left out and why; warn of a pattern that names nothing: it may be mistyped."""
    notes = []
    warnings = []
    for one, count in zip(ignored, counts, strict=True):
        if count:
            what = f"{one.pattern.text} ({count} tensor{'s' if count > 1 else ''} per run)"
            notes.append(NotChecked(Unchecked.IGNORED, what, f"ignored: {one.reason}"))
        else:
            warnings.append(
                ProgramWarning(
                    f"the pattern {one.pattern.text!r} is to be ignored, but matches no tensor"
                )
            )
    return notes, tuple(warnings)


@dataclass(frozen=True, slots=True, eq=False)
class DivergentPairs(Sequence[Pair]):
    """Pairs, made one by one when asked for: a long run that diverges early has millions."""

    labels: tuple[str, ...]
    processes: _Numbers  # numbers of labels
    events_a: _Numbers  # -1 where run `a` lacks the tensor
    events_b: _Numbers
    kinds: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.processes)

    @overload
    def __getitem__(self, at: int) -> Pair: ...
    @overload
    def __getitem__(self, at: slice) -> DivergentPairs: ...
    def __getitem__(self, at: int | slice) -> Pair | DivergentPairs:
        if isinstance(at, slice):
            return self._chosen(at)
        a, b = int(self.events_a[at]), int(self.events_b[at])
        return Pair(self.labels[self.processes[at]], None if a < 0 else a, None if b < 0 else b)

    def __iter__(self) -> Iterator[Pair]:
        return (self[at] for at in range(len(self)))

    def of_kind(self, kind: EventKind) -> DivergentPairs:
        """Return the pairs of one kind of tensor that both runs have."""
        return self._chosen((self.kinds == kind) & (self.events_a >= 0) & (self.events_b >= 0))

    def without_kind(self, kind: EventKind) -> DivergentPairs:
        """Return the pairs of all other kinds of tensor."""
        return self._chosen(self.kinds != kind)

    def _chosen(self, at: slice | npt.NDArray[np.bool_]) -> DivergentPairs:
        processes, events_a, events_b = (
            column[at] for column in (self.processes, self.events_a, self.events_b)
        )
        return DivergentPairs(
            labels=self.labels,
            processes=processes,
            events_a=events_a,
            events_b=events_b,
            kinds=self.kinds[at],
        )


def divergent_pairs(a: Table, b: Table) -> DivergentPairs:
    """Return the pairs whose digests differ or that lack a partner, in the order of run `a`, then
    of run `b`."""
    at_a, at_b = _same_keys(a.keys, b.keys)
    different = (a.digests[at_a] != b.digests[at_b]).any(axis=1)
    partner = np.full(len(a.keys), -1)
    partner[at_a] = b.events[at_b]
    listed = np.ones(len(a.keys), dtype=np.bool_)
    listed[at_a] = different
    alone = np.ones(len(b.keys), dtype=np.bool_)
    alone[at_b] = False
    first, last = (
        _in_program_order(a, np.flatnonzero(listed)),
        _in_program_order(b, np.flatnonzero(alone)),
    )
    return DivergentPairs(
        labels=(*a.labels, *b.labels),
        processes=np.concatenate((a.processes[first], b.processes[last] + len(a.labels))),
        events_a=np.concatenate((a.events[first], np.full(len(last), -1))),
        events_b=np.concatenate((partner[first], b.events[last])),
        kinds=np.concatenate((a.kinds[first], b.kinds[last])),
    )


def _same_keys(a: npt.NDArray[np.uint64], b: npt.NDArray[np.uint64]) -> tuple[_Numbers, _Numbers]:
    """Return where the keys that both tables have stand in each; of equal keys within one table,
    the first."""
    at_b = np.searchsorted(b, a)
    found = at_b < len(b)
    found[found] = b[at_b[found]] == a[found]
    found[1:] &= a[1:] != a[:-1]
    at_a = np.flatnonzero(found)
    return at_a, at_b[at_a]


def _in_program_order(table: Table, rows: _Numbers) -> _Numbers:
    """Sort rows of a table by the label of the process, then by event."""
    rank = np.argsort(np.argsort(np.array(table.labels)))
    return rows[np.lexsort((table.events[rows], rank[table.processes[rows]]))]
