"""Comparing what every run must agree on: batches, outputs, gradients, parameters; and grouping equal runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reproaudit.compare.runs import Interned, Run, mix
from reproaudit.criteria import Ignored
from reproaudit.model import EventFlag, EventKind, NotChecked, OutcomeKind
from reproaudit.trace.reader import Trace

KINDS = (EventKind.BATCH, EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)
# A batch that differs is evidence of where the difference came in. It decides nothing by itself: padding that a mask
# removes may hold undefined bytes in every run while training is equal to the last bit. The same holds for an output
# that a later backward pass starts from: its loss and its gradients decide.
DECIDING = (EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)
_DECIDING_NUMBERS = [int(kind) for kind in DECIDING]

_Numbers = npt.NDArray[np.int64]
_KIND_NUMBERS = [int(kind) for kind in KINDS]


@dataclass(frozen=True, slots=True)
class Table:
    """A run's boundary tensors in canonical order: equal runs have equal tables.

    Rows of the main thread are in order of occurrence within (process, step, kind, name). Other threads have no
    common order between runs: their rows are compared as a multiset per (process, kind, name), over all steps.
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
    ignored: tuple[int, ...] = ()  # rows that were left out, by pattern; one that two patterns match counts for both


@dataclass(frozen=True, slots=True)
class Pair:
    """An aligned pair of boundary events that differ; an event number is None where one run lacks the tensor."""

    process: str
    event_a: int | None
    event_b: int | None


def tabulate(run: Run, interned: Interned, with_threads: bool = True) -> Table:
    """Return the run's boundary tensors in canonical order, its children's included."""
    counts = np.zeros(len(interned.ignored), dtype=np.int64)
    parts = [_rows(trace, interned.string(label), interned, with_threads, counts) for label, trace in run.traces]
    columns = [np.concatenate([part[i] for part in parts]) for i in range(6)]
    keys, digests, kinds, events, threaded, deciding = columns
    processes = np.concatenate([np.full(len(part[0]), number, dtype=np.int64) for number, part in enumerate(parts)])
    order = np.lexsort((keys,))
    undigested = sum(_undigested(trace) for _, trace in run.traces)
    labels = tuple(label for label, _ in run.traces)
    return Table(
        keys[order], digests[order], kinds[order], processes[order], events[order], threaded[order], deciding[order],
        labels, undigested, tuple(counts.tolist()),
    )  # fmt: skip


def _undigested(trace: Trace) -> int:
    events = trace.events
    return int((np.isin(events["kind"], _KIND_NUMBERS) & ((events["flags"] & EventFlag.UNDIGESTED) != 0)).sum())


def _rows(
    trace: Trace, process: int, interned: Interned, with_threads: bool, ignored_counts: _Numbers
) -> tuple[npt.NDArray[Any], ...]:
    events = trace.events
    chosen = np.flatnonzero(np.isin(events["kind"], _KIND_NUMBERS) & ((events["flags"] & EventFlag.UNDIGESTED) == 0))
    chosen = chosen[~_ignored(trace, chosen, interned.ignored, ignored_counts)]
    threaded = events["thread"][chosen] != 0
    if not with_threads:
        chosen, threaded = chosen[~threaded], threaded[~threaded]
    rows = events[chosen]
    strings, _ = interned.ids(trace)
    steps = np.where(threaded, -1, rows["step"].astype(np.int64))
    group = mix(np.full(len(rows), process), threaded, steps, rows["kind"], strings[rows["name"]])
    # Within a group the main thread keeps its order; other threads are ordered by content.
    first = np.where(threaded, rows["outputs"][:, 0], np.arange(len(rows), dtype=np.uint64))
    second = np.where(threaded, rows["outputs"][:, 1], np.uint64(0))
    order = np.lexsort((second, first, group))
    occurrence = _count_within(group[order])
    keys = mix(group[order], occurrence)
    rows = rows[order]
    gradients = np.flatnonzero(events["kind"] == EventKind.GRADIENT)
    last_gradient = int(gradients[-1]) if len(gradients) else -1
    on_the_way = ((rows["flags"] & EventFlag.INTERMEDIATE) != 0) & (chosen[order] < last_gradient)
    deciding = np.isin(rows["kind"], _DECIDING_NUMBERS) & ~on_the_way
    return keys, rows["outputs"], rows["kind"], chosen[order].astype(np.int64), threaded[order], deciding


def _ignored(trace: Trace, chosen: _Numbers, ignored: tuple[Ignored, ...], counts: _Numbers) -> npt.NDArray[np.bool_]:
    """Tell which rows a pattern names, and add to `counts` how many each pattern does."""
    left_out = np.zeros(len(chosen), dtype=np.bool_)
    if not ignored:
        return left_out
    kinds, names = trace.events["kind"][chosen], trace.events["name"][chosen]
    # Names repeat at every step: a pattern is asked once per name.
    present = {(int(kind), int(name)) for kind, name in zip(kinds, names, strict=True)}
    for number, one in enumerate(ignored):
        for kind, name in present:
            if one.pattern.matches(EventKind(kind), trace.strings[name]):
                rows = (kinds == kind) & (names == name)
                counts[number] += rows.sum()
                left_out |= rows
    return left_out


def _count_within(groups: npt.NDArray[np.uint64]) -> _Numbers:
    """Number the rows of each run of equal values: [7, 7, 3] gives [0, 1, 0]."""
    if not len(groups):
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.r_[starts, len(groups)]))


@dataclass(frozen=True, slots=True)
class BoundaryComparison:
    classes: tuple[tuple[int, ...], ...]
    compared: int  # deciding tensors per run, of the run with the fewest
    counts: tuple[tuple[str, int], ...]
    tables: tuple[Table, ...]
    not_checked: tuple[NotChecked, ...]
    warnings: tuple[str, ...] = ()
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
        # Where the other threads stood when the audit stopped the program is chance, not the program's doing.
        tables = tuple(tabulate(run, interned, with_threads=False) for run in runs)
        notes.append(
            NotChecked("tensors of threads other than the main one", "the audit stopped them at different points")
        )
    groups: dict[bytes, list[int]] = {}
    for run, table in zip(runs, tables, strict=True):
        deciding = table.deciding
        content = table.keys[deciding].tobytes() + np.ascontiguousarray(table.digests[deciding]).tobytes()
        groups.setdefault(content, []).append(run.index)
    blind = max((table.undigested for table in tables), default=0)
    if blind:
        notes.append(NotChecked(f"{blind} boundary tensors per run", "they have no bytes that could be digested"))
    ignored = [max((table.ignored[i] for table in tables), default=0) for i in range(len(interned.ignored))]
    told, warnings = _told(interned.ignored, ignored)
    notes += told
    compared = min((int(table.deciding.sum()) for table in tables), default=0)
    counts = tuple((kind.name.lower(), int((tables[0].kinds == kind).sum())) for kind in KINDS) if tables else ()
    classes = tuple(tuple(group) for group in groups.values())
    return BoundaryComparison(classes, compared, counts, tables, tuple(notes), warnings, sum(ignored))


def _told(ignored: Sequence[Ignored], counts: Sequence[int]) -> tuple[list[NotChecked], tuple[str, ...]]:
    """Say what was left out and why; warn of a pattern that names nothing, for it may be mistyped."""
    notes, warnings = [], []
    for one, count in zip(ignored, counts, strict=True):
        if count:
            what = f"{one.pattern.text} ({count} tensor{'s' if count > 1 else ''} per run)"
            notes.append(NotChecked(what, f"ignored: {one.reason}"))
        else:
            warnings.append(f"the pattern {one.pattern.text!r} is to be ignored, but matches no tensor")
    return notes, tuple(warnings)


def divergent_pairs(a: Table, b: Table) -> list[Pair]:
    """Return the pairs whose digests differ or that lack a partner, in the order of run `a`, then of run `b`."""
    _, at_a, at_b = np.intersect1d(a.keys, b.keys, assume_unique=False, return_indices=True)
    different = (a.digests[at_a] != b.digests[at_b]).any(axis=1)
    pairs = [
        Pair(a.labels[a.processes[i]], int(a.events[i]), int(b.events[j]))
        for i, j in zip(at_a[different], at_b[different], strict=True)
    ]
    lonely_a = np.setdiff1d(np.arange(len(a.keys)), at_a)
    lonely_b = np.setdiff1d(np.arange(len(b.keys)), at_b)
    pairs += [Pair(a.labels[a.processes[i]], int(a.events[i]), None) for i in lonely_a]
    pairs.sort(key=lambda pair: (pair.process, pair.event_a))
    ends = [Pair(b.labels[b.processes[j]], None, int(b.events[j])) for j in lonely_b]
    return pairs + sorted(ends, key=lambda pair: (pair.process, pair.event_b))
