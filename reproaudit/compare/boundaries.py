"""Compares what every run must agree on: batches, outputs, gradients, parameters.

Runs that agree form one class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from reproaudit.compare.columns import mix, occurrences, within_runs
from reproaudit.compare.interning import Interned
from reproaudit.compare.leavings import LEFT_NUMBERS, select_left
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

KINDS = (
    EventKind.BATCH,
    EventKind.OUTPUT,
    EventKind.GRADIENT,
    EventKind.PARAMETER,
    EventKind.SAVED,
    EventKind.FINAL,
)
# A batch that differs is evidence of where the difference came in. It decides nothing by itself:
# padding that a mask removes may hold undefined bytes in every run while training is equal to the
# last bit. The same holds for an output that a later backward pass starts from: its loss and its
# gradients decide.
DECIDING = (
    EventKind.OUTPUT,
    EventKind.GRADIENT,
    EventKind.PARAMETER,
    EventKind.SAVED,
    EventKind.FINAL,
)
_COUNTED_ALWAYS = (EventKind.BATCH, EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)
_DECIDING_NUMBERS = [int(kind) for kind in DECIDING]

_Numbers = npt.NDArray[np.int64]
_Keys = npt.NDArray[np.uint64]
_Kinds = npt.NDArray[np.uint8]
_Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Table:
    """A run's boundary tensors in canonical order: equal runs have equal tables.

    Rows of the main thread are in order of occurrence within (process, step, kind, name). Other
    threads have no common order between runs, and what the program leaves has no step: these rows
    are compared as a multiset per (process, kind, name), over all steps. `ignored` counts the rows
    that were left out, by pattern; one that two patterns match counts for both.
    """

    keys: _Keys
    digests: _Keys  # shape [rows, 2]
    kinds: _Kinds
    processes: _Numbers
    events: _Numbers  # event numbers within the process's trace
    threaded: _Marks
    deciding: _Marks
    labels: tuple[str, ...]  # of the processes that `processes` numbers
    undigested: int
    ignored: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The boundary tensors of one process, in the order of its trace."""

    keys: _Keys
    digests: _Keys
    kinds: _Kinds
    events: _Numbers
    threaded: _Marks
    deciding: _Marks


@dataclass(frozen=True, slots=True)
class Pair:
    """An aligned pair of boundary events that differ.

    An event number is None where one run lacks the tensor.
    """

    process: str
    event_a: int | None
    event_b: int | None


def tabulate_boundaries(run: Run, interned: Interned, with_threads: bool = True) -> Table:
    """Return the run's boundary tensors in canonical order, its children's included."""
    counts = np.zeros(len(interned.ignored), dtype=np.int64)
    parts: list[_Rows] = []
    processes: list[_Numbers] = []
    undigested = 0
    for number, (label, trace) in enumerate(run.traces):
        is_boundary = trace.columns.are(*KINDS)
        is_undigested = trace.columns.have(EventFlag.UNDIGESTED)
        undigested += int((is_boundary & is_undigested).sum())
        chosen = np.flatnonzero(is_boundary & ~is_undigested)
        chosen = select_left(trace, chosen, run.outcome)
        chosen = chosen[~_mark_ignored(trace, chosen, interned.ignored, counts)]
        if not with_threads:
            chosen = chosen[trace.columns.thread[chosen] == 0]
        part = _select_rows(trace, chosen, interned, process=interned.string(label))
        parts.append(part)
        processes.append(np.full(len(chosen), number, dtype=np.int64))
    keys = np.concatenate([part.keys for part in parts])
    order = np.argsort(keys)
    return Table(
        keys=keys[order],
        digests=np.concatenate([part.digests for part in parts])[order],
        kinds=np.concatenate([part.kinds for part in parts])[order],
        processes=np.concatenate(processes)[order],
        events=np.concatenate([part.events for part in parts])[order],
        threaded=np.concatenate([part.threaded for part in parts])[order],
        deciding=np.concatenate([part.deciding for part in parts])[order],
        labels=tuple(label for label, _ in run.traces),
        undigested=undigested,
        ignored=tuple(counts.tolist()),
    )


def _select_rows(trace: Trace, chosen: _Numbers, interned: Interned, *, process: int) -> _Rows:
    """Return the events `chosen` as rows; `process` is the common number of the process's label."""
    columns = trace.columns
    # Column by column: a copy of whole records is four times the bytes that are needed.
    kinds = columns.kind[chosen]
    flags = columns.flags[chosen]
    digests = columns.output_digests[chosen]
    threaded = columns.thread[chosen] != 0
    strings, _ = interned.ids(trace)
    names = strings[columns.name[chosen]]
    is_left = np.isin(kinds, LEFT_NUMBERS)
    # Other threads have no common step.
    unordered = threaded | is_left
    steps = np.where(unordered, -1, columns.step[chosen].astype(np.int64))
    processes = np.full(len(chosen), process)
    columns_of_group = (processes, threaded & ~is_left, steps, kinds, names)
    groups = mix(*columns_of_group)
    gradients = columns.numbers(EventKind.GRADIENT)
    last_gradient = int(gradients[-1]) if len(gradients) else -1
    is_on_the_way = ((flags & EventFlag.INTERMEDIATE) != 0) & (chosen < last_gradient)
    return _Rows(
        keys=mix(groups, _number_within_groups(groups, digests, unordered)),
        digests=digests,
        kinds=kinds,
        events=chosen.astype(np.int64),
        threaded=threaded,
        deciding=np.isin(kinds, _DECIDING_NUMBERS) & ~is_on_the_way,
    )


def _number_within_groups(groups: _Keys, digests: _Keys, unordered: _Marks) -> _Numbers:
    """Number the rows of each group: those that have an order in order, others by content."""
    if not unordered.any():
        return occurrences(groups)
    first = np.where(unordered, digests[:, 0], np.arange(len(groups), dtype=np.uint64))
    second = np.where(unordered, digests[:, 1], np.uint64(0))
    order = np.lexsort((second, first, groups))
    numbers = np.empty(len(groups), dtype=np.int64)
    numbers[order] = within_runs(groups[order])
    return numbers


def _mark_ignored(
    trace: Trace, chosen: _Numbers, ignored: tuple[Ignored, ...], counts: _Numbers
) -> _Marks:
    """Mark the rows that a pattern names, and add to `counts` how many each pattern does."""
    left_out = np.zeros(len(chosen), dtype=np.bool_)
    if not ignored:
        return left_out
    kinds = trace.columns.kind[chosen]
    names = trace.columns.name[chosen]
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
    """What comparing the boundary tensors of several runs gave. Classes hold numbers of runs."""

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
        if len(self.classes) != 1 or not self.tables:
            return False
        first = self.tables[0]
        for table in self.tables[1:]:
            if len(table.keys) != len(first.keys) or (table.digests != first.digests).any():
                return True
        return False


def compare_boundaries(runs: Sequence[Run], interned: Interned) -> BoundaryComparison:
    """Group the runs into classes of equal deciding tensors, in order of first appearance."""
    tables = tuple(tabulate_boundaries(run, interned) for run in runs)
    notes: list[NotChecked] = []
    stopped = any(run.outcome.kind == OutcomeKind.STOPPED for run in runs)
    if stopped and len({int(table.threaded.sum()) for table in tables}) > 1:
        # Where the other threads stood when the audit stopped the program is chance, not the
        # program's doing.
        tables = tuple(tabulate_boundaries(run, interned, with_threads=False) for run in runs)
        notes.append(
            NotChecked(
                Unchecked.THREADS_STOPPED,
                "tensors of threads other than the main one",
                "the audit stopped them at different points",
            )
        )
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
        max((table.ignored[number] for table in tables), default=0)
        for number in range(len(interned.ignored))
    ]
    ignored_notes, warnings = _report_ignored(interned.ignored, ignored)
    notes += ignored_notes
    return BoundaryComparison(
        classes=_group_equal(runs, tables),
        compared=min((int(table.deciding.sum()) for table in tables), default=0),
        counts=_count_kinds(tables[0]) if tables else (),
        tables=tables,
        not_checked=tuple(notes),
        warnings=warnings,
        ignored=sum(ignored),
    )


def _group_equal(runs: Sequence[Run], tables: Sequence[Table]) -> tuple[tuple[int, ...], ...]:
    """Group the numbers of the runs whose deciding tensors are equal."""
    groups: dict[bytes, list[int]] = {}
    for run, table in zip(runs, tables, strict=True):
        keys = table.keys[table.deciding]
        digests = np.ascontiguousarray(table.digests[table.deciding])
        groups.setdefault(keys.tobytes() + digests.tobytes(), []).append(run.index)
    return tuple(tuple(group) for group in groups.values())


def _count_kinds(table: Table) -> tuple[tuple[str, int], ...]:
    counts = []
    for kind in KINDS:
        count = int((table.kinds == kind).sum())
        if count or kind in _COUNTED_ALWAYS:
            counts.append((kind.name.lower(), count))
    return tuple(counts)


def _report_ignored(
    ignored: Sequence[Ignored], counts: Sequence[int]
) -> tuple[list[NotChecked], tuple[ProgramWarning, ...]]:
    """Say what was left out and why; warn of a pattern that names nothing: it may be mistyped."""
    notes = []
    warnings = []
    for one, count in zip(ignored, counts, strict=True):
        pattern = one.pattern.text
        if count:
            tensors = "tensors" if count > 1 else "tensor"
            what = f"{pattern} ({count} {tensors} per run)"
            notes.append(NotChecked(Unchecked.IGNORED, what, f"ignored: {one.reason}"))
        else:
            message = f"the pattern {pattern!r} is to be ignored, but matches no tensor"
            warnings.append(ProgramWarning(message))
    return notes, tuple(warnings)


@dataclass(frozen=True, slots=True, eq=False)
class DivergentPairs(Sequence[Pair]):
    """Pairs, made one by one when asked for: a long run that diverges early has millions."""

    labels: tuple[str, ...]
    processes: _Numbers  # numbers of labels
    events_a: _Numbers  # -1 where run `a` lacks the tensor
    events_b: _Numbers
    kinds: _Kinds

    def __len__(self) -> int:
        return len(self.processes)

    @overload
    def __getitem__(self, at: int) -> Pair: ...
    @overload
    def __getitem__(self, at: slice) -> DivergentPairs: ...
    def __getitem__(self, at: int | slice) -> Pair | DivergentPairs:
        if isinstance(at, slice):
            return self._take(at)
        event_a = int(self.events_a[at])
        event_b = int(self.events_b[at])
        return Pair(
            process=self.labels[self.processes[at]],
            event_a=None if event_a < 0 else event_a,
            event_b=None if event_b < 0 else event_b,
        )

    def __iter__(self) -> Iterator[Pair]:
        for at in range(len(self)):
            yield self[at]

    def of_kind(self, kind: EventKind) -> DivergentPairs:
        """Return the pairs of one kind of tensor that both runs have."""
        both_have_it = (self.events_a >= 0) & (self.events_b >= 0)
        return self._take((self.kinds == kind) & both_have_it)

    def without_kind(self, kind: EventKind) -> DivergentPairs:
        """Return the pairs of all other kinds of tensor."""
        return self._take(self.kinds != kind)

    def _take(self, at: slice | _Marks) -> DivergentPairs:
        return DivergentPairs(
            labels=self.labels,
            processes=self.processes[at],
            events_a=self.events_a[at],
            events_b=self.events_b[at],
            kinds=self.kinds[at],
        )


def divergent_pairs(a: Table, b: Table) -> DivergentPairs:
    """Return the pairs whose digests differ, and the tensors that lack a partner.

    In the order of run `a`, then of run `b`.
    """
    at_a, at_b = _find_same_keys(a.keys, b.keys)
    partner = np.full(len(a.keys), -1)
    partner[at_a] = b.events[at_b]
    is_listed = np.ones(len(a.keys), dtype=np.bool_)
    is_listed[at_a] = (a.digests[at_a] != b.digests[at_b]).any(axis=1)
    is_alone = np.ones(len(b.keys), dtype=np.bool_)
    is_alone[at_b] = False
    first = _sort_by_program(a, np.flatnonzero(is_listed))
    last = _sort_by_program(b, np.flatnonzero(is_alone))
    return DivergentPairs(
        labels=(*a.labels, *b.labels),
        processes=np.concatenate((a.processes[first], b.processes[last] + len(a.labels))),
        events_a=np.concatenate((a.events[first], np.full(len(last), -1))),
        events_b=np.concatenate((partner[first], b.events[last])),
        kinds=np.concatenate((a.kinds[first], b.kinds[last])),
    )


def _find_same_keys(a: _Keys, b: _Keys) -> tuple[_Numbers, _Numbers]:
    """Return where the keys that both tables have stand in each.

    Both are sorted. Of equal keys within one table the first counts.
    """
    at_b = np.searchsorted(b, a)
    found = at_b < len(b)
    found[found] = b[at_b[found]] == a[found]
    found[1:] &= a[1:] != a[:-1]
    at_a = np.flatnonzero(found)
    return at_a, at_b[at_a]


def _sort_by_program(table: Table, rows: _Numbers) -> _Numbers:
    """Sort rows of a table by the label of the process, then by event."""
    # The argument that sorts, sorted again, is the place of each label among the sorted ones.
    rank = np.argsort(np.argsort(np.array(table.labels)))
    return rows[np.lexsort((table.events[rows], rank[table.processes[rows]]))]
