"""The same rows given to an op in other portions by two runs: where their results first differ.

Streams of such runs have other shapes and other numbers of calls, so that calls cannot be paired.
Rows can: a row of what an op reads, by its digest, is looked up among the rows that the same op at
the same line read in the other run. What it wrote for it is then equal or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import are_among
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import Source
from reproaudit.comparison.main_threads import UNCOMPARED
from reproaudit.comparison.op_streams import Ops, select_ops
from reproaudit.model.events import EventFlag, Location
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run, pair_traces
from reproaudit.trace.slices import SlicedCall, SlicedTensor, Slices
from reproaudit.trace.views import OpEvent

MOST_CALLS = 200_000  # of one process that are looked at

_Keys = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]
_Row = tuple[bytes, ...]  # digests of the parts of all operands that belong to one row


@dataclass(frozen=True, slots=True)
class RegroupedSource:
    """An op that both runs gave the same rows in other portions, and that made other rows of them.

    `event_a` and `event_b` are the first calls, in the process, that have a row in common with
    other results. `rows` counts those in common, `differing` those of other results; `sizes_a` and
    `sizes_b` are the sizes of the portions, in order, each once. `is_draw`: it read no rows, and
    drew random numbers for those of each portion. `is_reduction`: it wrote no rows but one sum or
    the like for each portion, so that only their number differs; `rows` are then those that were
    reduced, and `differing` is 0.
    """

    process: str
    event_a: int
    event_b: int
    op: str
    module: str
    location: Location | None
    rows: int
    differing: int
    calls: tuple[int, int]
    sizes_a: tuple[int, ...]
    sizes_b: tuple[int, ...]
    is_reduction: bool = False
    is_draw: bool = False

    def as_source(self) -> Source:
        """Return it as a source of the two runs: equal inputs, other outputs."""
        return Source.of_op(self.process, self.event_a, self.event_b)


def find_regrouped_source(
    a: Run, b: Run, interned: Interned, *, size: int | None = None
) -> RegroupedSource | None:
    """Return the first op, in the order of run `a`, that turns equal rows into others.

    Both runs must have recorded slices; None if there is no such op, or if they have not. An op
    that reduces its rows is returned only if no other is found. Portions of the same size hold the
    rows at other places: `size` says which dimension that is.
    """
    reduction = None
    for process, trace_a, trace_b in pair_traces(a, b):
        for found in _find_in_process(process, (trace_a, trace_b), interned, size):
            if not found.is_reduction:
                return found
            reduction = reduction or found
    return reduction


def _find_in_process(
    process: str, pair: tuple[Trace, Trace], interned: Interned, size: int | None
) -> Iterator[RegroupedSource]:
    a, b = pair
    slices_a = Slices(a.directory)
    slices_b = Slices(b.directory)
    # Portions may be steps of their own: where there is no optimizer, backward passes count.
    by_step = a.header["steps"] == b.header["steps"]
    calls_a = _Calls(a, slices_a, interned, by_step=by_step)
    calls_b = _Calls(b, slices_b, interned, by_step=by_step)
    for key, events_a in calls_a.groups():
        events_b = calls_b.find(key)
        if events_b is None:
            continue
        group_a = _read_calls(slices_a, events_a)
        group_b = _read_calls(slices_b, events_b)
        if not group_a or not group_b:
            continue
        is_random = EventFlag.RANDOM in a.op(events_a[0]).flags
        compared = _compare_groups(group_a, group_b, size, is_random=is_random)
        if compared is not None:
            yield _describe(process, a.op(compared.event_a), compared)


class _Calls:
    """The calls of a process that have slices, by op, module, line and phase."""

    def __init__(self, trace: Trace, slices: Slices, interned: Interned, *, by_step: bool) -> None:
        ops = select_ops(trace, interned, in_threads=False)
        columns = ops.columns()
        known = np.array(slices.events[:MOST_CALLS], dtype=np.uint64)
        is_wanted = are_among(ops.events.astype(np.uint64), known) & ~columns.have(UNCOMPARED)
        self._events: _Numbers = ops.events[is_wanted]
        keys = Ops(trace, self._events).make_keys(interned, step=by_step)
        self._by_key: dict[int, list[int]] = {}
        for key, event in zip(keys.tolist(), self._events.tolist(), strict=True):
            self._by_key.setdefault(key, []).append(event)

    def groups(self) -> Iterable[tuple[int, list[int]]]:
        """Return keys and calls in the order in which the first call of each was made."""
        return self._by_key.items()

    def find(self, key: int) -> list[int] | None:
        return self._by_key.get(key)


_Call = tuple[int, SlicedCall]


def _read_calls(slices: Slices, events: Sequence[int]) -> list[_Call]:
    found = [(event, slices.call(event)) for event in events]
    return [(event, call) for event, call in found if call is not None]


@dataclass(frozen=True, slots=True)
class _Compared:
    """What comparing all calls of one op at one line gave."""

    event_a: int
    event_b: int
    rows: int
    differing: int
    calls: tuple[int, int]
    sizes_a: tuple[int, ...]
    sizes_b: tuple[int, ...]
    is_reduction: bool = False
    is_draw: bool = False


def _compare_groups(
    a: list[_Call], b: list[_Call], size: int | None, *, is_random: bool
) -> _Compared | None:
    """Return what differs although the rows are equal; None if nothing does, or nobody can say."""
    of_inputs = _find_dimensions([call.inputs for _, call in (*a, *b)], size)
    of_outputs = _find_dimensions([call.outputs for _, call in (*a, *b)], size)
    if of_inputs is None or of_outputs is None:
        return None
    if all(dimension is None for dimension in of_inputs):
        # The same portions: calls are compared one by one.
        return _compare_draws(a, b, of_outputs) if is_random else None
    rows_a = _Rows(a, of_inputs, of_outputs)
    rows_b = _Rows(b, of_inputs, of_outputs)
    if not rows_a.sizes or not rows_b.sizes:
        return None
    if any(dimension is not None for dimension in of_outputs):
        return _compare_rows(rows_a, rows_b)
    return _compare_reductions(rows_a, rows_b)


def _find_dimensions(
    operands: Sequence[tuple[SlicedTensor, ...]], size: int | None
) -> list[int | None] | None:
    """Return for each operand the dimension in which its size differs between the calls.

    With `size` it is the first one of that size, whatever differs. None for an operand of one
    shape, and in place of all of them where no one dimension is it.
    """
    if len({len(tensors) for tensors in operands}) != 1:
        return None
    found: list[int | None] = []
    for one in zip(*operands, strict=True):
        shapes = {tensor.shape for tensor in one}
        if len({len(shape) for shape in shapes}) != 1:
            return None
        if size is not None:
            shape = one[0].shape
            # What is the same in all calls, as a weight, has no rows of its own.
            has_rows = size in shape and len(shapes) == 1 and len({t.whole for t in one}) > 1
            found.append(shape.index(size) if has_rows else None)
            continue
        sizes = list(zip(*shapes, strict=True))
        varying = [place for place, size in enumerate(sizes) if len(set(size)) > 1]
        if len(varying) > 1:
            return None
        found.append(varying[0] if varying else None)
    return found


class _Rows:
    """The rows of the calls of one run: what was read for each, and what was written.

    A call whose operands disagree about how many rows there are, or have too many, is left out.
    """

    def __init__(
        self,
        calls: list[_Call],
        of_inputs: list[int | None],
        of_outputs: list[int | None],
    ) -> None:
        self.calls = len(calls)
        self.is_float = all(tensor.is_float for _, call in calls for tensor in call.outputs)
        self.read: list[_Row] = []
        self.written: list[_Row] = []
        self.events: list[int] = []
        sizes: dict[int, None] = {}
        for event, call in calls:
            read = _split(call.inputs, of_inputs)
            written = _split(call.outputs, of_outputs)
            if read is None or written is None or (written and len(written) != len(read)):
                continue
            sizes[len(read)] = None
            self.read += read
            self.written += written or [()] * len(read)
            self.events += [event] * len(read)
        self.sizes = tuple(sizes)


def _split(tensors: tuple[SlicedTensor, ...], dimensions: list[int | None]) -> list[_Row] | None:
    """Return the rows of what one call was given; what all rows share is part of each.

    Empty if there is nothing that has rows, None if it cannot be split.
    """
    shared = b"".join(
        _name_whole(tensor) for tensor, d in zip(tensors, dimensions, strict=True) if d is None
    )
    columns: list[list[bytes]] = []
    for tensor, dimension in zip(tensors, dimensions, strict=True):
        if dimension is None:
            continue
        digests = tensor.along(dimension)
        if digests is None:
            return None
        columns.append([bytes(digest) for digest in digests])
    if len({len(column) for column in columns}) > 1:
        return None
    return [(shared, *parts) for parts in zip(*columns, strict=True)]


def _name_whole(tensor: SlicedTensor) -> bytes:
    low, high = tensor.whole
    return low.to_bytes(8, "little") + high.to_bytes(8, "little")


def _compare_rows(a: _Rows, b: _Rows) -> _Compared | None:
    """Look up each row of run `b` among those of run `a`."""
    known: dict[_Row, set[_Row]] = {}
    first_of: dict[_Row, int] = {}
    for read, written, event in zip(a.read, a.written, a.events, strict=True):
        known.setdefault(read, set()).add(written)
        first_of.setdefault(read, event)
    rows = 0
    differing: list[tuple[int, int]] = []
    for read, written, event in zip(b.read, b.written, b.events, strict=True):
        in_a = known.get(read)
        if in_a is None:
            continue
        rows += 1
        if written not in in_a:
            differing.append((first_of[read], event))
    if not differing:
        return None
    event_a, event_b = min(differing)
    return _Compared(
        event_a=event_a,
        event_b=event_b,
        rows=rows,
        differing=len(differing),
        calls=(a.calls, b.calls),
        sizes_a=a.sizes,
        sizes_b=b.sizes,
    )


def _compare_draws(
    a: list[_Call], b: list[_Call], of_outputs: list[int | None]
) -> _Compared | None:
    """Return what differs if run `b` drew for some row what run `a` drew for none."""
    drawn_a, drawn_b = _list_drawn(a, of_outputs), _list_drawn(b, of_outputs)
    if drawn_a is None or drawn_b is None:
        return None
    rows_a, sizes_a = drawn_a
    rows_b, sizes_b = drawn_b
    known = {row for _, row in rows_a}
    others = [event for event, row in rows_b if row not in known]
    if not others:
        return None
    return _Compared(
        event_a=rows_a[0][0],
        event_b=others[0],
        rows=len(rows_b),
        differing=len(others),
        calls=(len(a), len(b)),
        sizes_a=sizes_a,
        sizes_b=sizes_b,
        is_draw=True,
    )


def _list_drawn(
    calls: list[_Call], of_outputs: list[int | None]
) -> tuple[list[tuple[int, _Row]], tuple[int, ...]] | None:
    """Return the rows that the calls drew, each behind its event, and the sizes of their portions.

    None if a call drew no rows.
    """
    rows: list[tuple[int, _Row]] = []
    sizes: dict[int, None] = {}
    for event, call in calls:
        drawn = _split(call.outputs, of_outputs)
        if not drawn:
            return None
        sizes[len(drawn)] = None
        rows += [(event, row) for row in drawn]
    return rows, tuple(sizes)


def _compare_reductions(a: _Rows, b: _Rows) -> _Compared | None:
    """Return an op that reduced the same rows, each of them once, in other portions."""
    # Integers are summed exactly, in whatever order.
    if not a.is_float or not b.is_float or Counter(a.read) != Counter(b.read):
        return None
    return _Compared(
        event_a=a.events[0],
        event_b=b.events[0],
        rows=len(a.read),
        differing=0,
        calls=(a.calls, b.calls),
        sizes_a=a.sizes,
        sizes_b=b.sizes,
        is_reduction=True,
    )


def _describe(process: str, op: OpEvent, compared: _Compared) -> RegroupedSource:
    return RegroupedSource(
        process=process,
        event_a=compared.event_a,
        event_b=compared.event_b,
        op=op.shown_name,
        module=op.module,
        location=op.known_location,
        rows=compared.rows,
        differing=compared.differing,
        calls=compared.calls,
        sizes_a=compared.sizes_a,
        sizes_b=compared.sizes_b,
        is_reduction=compared.is_reduction,
        is_draw=compared.is_draw,
    )
