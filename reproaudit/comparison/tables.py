"""The boundary tensors of a run in an order that equal runs share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import mix, occurrences, within_runs
from reproaudit.comparison.identity import identify, leave_out_last_round
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.leavings import LEFT_NUMBERS, select_left
from reproaudit.config.tolerance import Ignored
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.reader import TENSOR_KINDS, Trace
from reproaudit.trace.runs import Run

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
_DECIDING_NUMBERS = [int(kind) for kind in DECIDING]

_Numbers = npt.NDArray[np.int64]
_Keys = npt.NDArray[np.uint64]
_Kinds = npt.NDArray[np.uint8]
_Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Identities:
    """What each row of a table is wherever it stands, and with what content.

    `certain` are the rows that do not depend on where the program was stopped.
    """

    tensors: _Keys
    contents: _Keys
    certain: _Marks


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
    identities: Identities | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The boundary tensors of one process, in the order of its trace."""

    keys: _Keys
    digests: _Keys
    kinds: _Kinds
    events: _Numbers
    threaded: _Marks
    deciding: _Marks


def tabulate_boundaries(run: Run, interned: Interned, with_threads: bool = True) -> Table:
    """Return the run's boundary tensors in canonical order, its children's included."""
    counts = np.zeros(len(interned.ignored), dtype=np.int64)
    parts: list[_Rows] = []
    processes: list[_Numbers] = []
    undigested = 0
    for number, (label, trace) in enumerate(run.traces):
        is_boundary = trace.columns.are(*TENSOR_KINDS)
        is_undigested = trace.columns.have(EventFlag.UNDIGESTED)
        undigested += int((is_boundary & is_undigested).sum())
        chosen = np.flatnonzero(is_boundary & ~is_undigested)
        chosen = interned.leave_out_beginning(trace, chosen)
        chosen = select_left(trace, chosen, run.outcome)
        is_left_out = mark_ignored(
            trace.columns.kind[chosen],
            trace.columns.name[chosen],
            strings=trace.strings,
            ignored=interned.ignored,
            counts=counts,
        )
        chosen = chosen[~is_left_out]
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


def add_identities(table: Table, run: Run, interned: Interned) -> Table:
    """Return a run's table with what each row is apart from its position."""
    tensors = np.zeros(len(table.keys), dtype=np.uint64)
    contents = np.zeros(len(table.keys), dtype=np.uint64)
    certain = np.zeros(len(table.keys), dtype=np.bool_)
    for number, (label, trace) in enumerate(run.traces):
        rows = np.flatnonzero(table.processes == number)
        # In the order of the trace: tensors that keep their place are numbered in it.
        rows = rows[np.argsort(table.events[rows])]
        chosen = table.events[rows]
        process = interned.string(label)
        tensors[rows], contents[rows] = identify(trace, chosen, interned, process=process)
        certain[rows] = leave_out_last_round(trace, chosen)
    return replace(table, identities=Identities(tensors, contents, certain))


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
    is_saved = kinds == EventKind.SAVED
    names[is_saved] = interned.number_saved(trace, chosen[is_saved], process=process)
    is_left = np.isin(kinds, LEFT_NUMBERS)
    # Other threads have no common step.
    unordered = threaded | is_left
    steps = np.where(unordered, -1, interned.count_steps(trace, chosen))
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


def mark_ignored(
    kinds: _Kinds,
    names: npt.NDArray[np.uint32],
    *,
    strings: Sequence[str],
    ignored: tuple[Ignored, ...],
    counts: _Numbers,
) -> _Marks:
    """Mark the boundary tensors that a pattern names, and add to `counts` how many each does.

    `names` are numbers of `strings`.
    """
    left_out = np.zeros(len(kinds), dtype=np.bool_)
    if not ignored:
        return left_out
    # Names repeat at every step: a pattern is asked once per name.
    present = {(int(kind), int(name)) for kind, name in zip(kinds, names, strict=True)}
    for number, one in enumerate(ignored):
        for kind, name in present:
            if one.pattern.matches(EventKind(kind), strings[name]):
                rows = (kinds == kind) & (names == name)
                counts[number] += rows.sum()
                left_out |= rows
    return left_out
