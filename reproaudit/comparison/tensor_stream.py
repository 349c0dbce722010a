"""The tensors of two runs as one stream: what each is, in which step, and whether it differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.divergent_pairs import pair_rows, sort_by_program
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.leavings import LEFT_NUMBERS
from reproaudit.comparison.tables import Table
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.model.growth import DIFFERS, EQUAL, UNLIKE, GrowthTensor
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run

MOST_TENSORS = 20_000  # each has a name in the result

_Numbers = npt.NDArray[np.int64]
_Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class TensorStream:
    """The tensors of both runs that have a step, one item per pair, or per one without a partner.

    They are in the order of the program, those that the second run alone has at the end. `tensors`
    numbers `names`, of which the first MOST_TENSORS are there. An event is -1 where that run lacks
    the tensor. `is_kept`: it differs, and its values are there in both runs.
    """

    labels: tuple[str, ...]
    names: tuple[GrowthTensor, ...]
    processes: _Numbers  # numbers of labels
    tensors: _Numbers
    steps: _Numbers
    events_a: _Numbers
    events_b: _Numbers
    codes: npt.NDArray[np.uint8]  # EQUAL, DIFFERS or UNLIKE
    is_kept: _Marks


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows of one run's table, in the order of the program: what the trace says of each."""

    processes: _Numbers
    events: _Numbers
    kinds: npt.NDArray[np.uint8]
    names: _Numbers  # common numbers
    steps: _Numbers
    descriptions: _Numbers  # common numbers
    is_kept: _Marks


def read_tensor_stream(
    runs: tuple[Run, Run], tables: tuple[Table, Table], interned: Interned
) -> TensorStream:
    """Pair the tensors of two runs, whose tables these are."""
    a, b = tables
    labels = tuple(dict.fromkeys((*a.labels, *b.labels)))
    of_run_a = _Reader(runs[0], a, labels, interned)
    of_run_b = _Reader(runs[1], b, labels, interned)
    pairing = pair_rows(a, b)
    rows_a = sort_by_program(a, np.flatnonzero(_have_steps(a)))
    alone_b = sort_by_program(b, np.flatnonzero(_have_steps(b) & pairing.alone_b))
    of_a = of_run_a.read(rows_a)
    of_b = of_run_b.read(alone_b)
    differs, partners = pairing.differs[rows_a], pairing.partners[rows_a]
    codes, is_kept = _judge_rows(of_a, differs, partners, of_run_b)
    keys = np.concatenate([_make_keys(rows) for rows in (of_a, of_b)])
    _, first, tensors = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    alone = len(of_b.events)
    return TensorStream(
        labels=labels,
        names=tuple(_name_tensors(runs, (of_a, of_b), first[order], labels)),
        processes=np.concatenate((of_a.processes, of_b.processes)),
        tensors=place[tensors],
        steps=np.concatenate((of_a.steps, of_b.steps)),
        events_a=np.concatenate((of_a.events, np.full(alone, -1))),
        events_b=np.concatenate((pairing.find_partners(b, rows_a), of_b.events)),
        codes=np.concatenate((codes, np.full(alone, UNLIKE, dtype=np.uint8))),
        is_kept=np.concatenate((is_kept, np.zeros(alone, dtype=np.bool_))),
    )


def _have_steps(table: Table) -> _Marks:
    return ~table.threaded & ~np.isin(table.kinds, LEFT_NUMBERS)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads what a run's traces say of rows of its table."""

    run: Run
    table: Table
    labels: Sequence[str]
    interned: Interned

    def read(self, rows: _Numbers) -> _Rows:
        """Return what is said of the rows, in their order."""
        table = self.table
        events = table.events[rows]
        names, steps, descriptions, flags, processes = np.empty((5, len(rows)), dtype=np.int64)
        place_of = {label: number for number, label in enumerate(self.labels)}
        traces = dict(self.run.traces)
        order = np.argsort(table.processes[rows], kind="stable")
        ordered = table.processes[rows][order]
        bounds = np.searchsorted(ordered, np.arange(len(table.labels) + 1))
        for number, label in enumerate(table.labels):
            at = order[bounds[number] : bounds[number + 1]]
            if not len(at):
                continue
            trace = traces[label]
            chosen = events[at]
            strings, _ = self.interned.ids(trace)
            columns = trace.columns
            names[at] = strings[columns.name[chosen]]
            steps[at] = self.interned.count_steps(trace, chosen)
            descriptions[at] = strings[columns.descriptions[chosen]]
            flags[at] = columns.flags[chosen]
            processes[at] = place_of[label]
        return _Rows(
            processes=processes,
            events=events,
            kinds=table.kinds[rows],
            names=names,
            steps=steps,
            descriptions=descriptions,
            is_kept=(flags & int(EventFlag.KEPT)) != 0,
        )


def _judge_rows(
    of_a: _Rows, differs: _Marks, partners: _Numbers, of_run_b: _Reader
) -> tuple[npt.NDArray[np.uint8], _Marks]:
    """Return a code for each row of run `a`, and whether the values of a pair that differs are
    kept. `partners` are rows of run `b`."""
    codes = np.where(differs, np.uint8(UNLIKE), np.uint8(EQUAL))
    is_kept = np.zeros(len(differs), dtype=np.bool_)
    # Only of these is the other run's trace asked.
    at = np.flatnonzero(differs & (partners >= 0))
    of_b = of_run_b.read(partners[at])
    is_alike = of_a.descriptions[at] == of_b.descriptions
    codes[at[is_alike]] = DIFFERS
    is_kept[at] = is_alike & of_a.is_kept[at] & of_b.is_kept
    return codes, is_kept


def _make_keys(rows: _Rows) -> _Numbers:
    """Return a number for each row, the same for the same tensor: no two share one."""
    # A trace has fewer than 2**32 strings, there are fewer than 2**8 kinds and 2**13 processes.
    keys: _Numbers = (rows.processes << 40) | (rows.kinds.astype(np.int64) << 32) | rows.names
    return keys


def _name_tensors(
    runs: tuple[Run, Run], rows: tuple[_Rows, _Rows], firsts: _Numbers, labels: Sequence[str]
) -> Iterator[GrowthTensor]:
    """Yield what the tensors are whose first rows these are, numbered through both runs."""
    in_a = len(rows[0].events)
    traces: list[dict[str, Trace]] = [dict(run.traces) for run in runs]
    for first in firsts[:MOST_TENSORS].tolist():
        which, at = (0, first) if first < in_a else (1, first - in_a)
        label = labels[rows[which].processes[at]]
        trace = traces[which][label]
        row = int(rows[which].events[at])
        columns = trace.columns
        yield GrowthTensor(
            kind=EventKind(int(rows[which].kinds[at])),
            name=trace.strings[columns.name[row]],
            tensor=trace.strings[columns.descriptions[row]],
            process=label,
        )
