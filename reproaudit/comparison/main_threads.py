"""The operators of two runs' main threads, aligned: which inputs and outputs are equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.align import Alignment, align
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.messages import mark_messages
from reproaudit.comparison.op_streams import Ops, OpStream, select_ops
from reproaudit.model.events import EventFlag
from reproaudit.trace.columns import EventColumns
from reproaudit.trace.reader import Trace

UNCOMPARED = EventFlag.VIEW | EventFlag.UNDEFINED | EventFlag.RAISED | EventFlag.UNDIGESTED

_Numbers = npt.NDArray[np.int64]
_Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class MainThreads:
    """What the main threads of one process did in both runs, pair by pair.

    `inputs_equal` counts what nobody digested as equal: it carries nothing. `is_compared` is False
    where the outputs say nothing.
    """

    ops_a: Ops
    ops_b: Ops
    stream_a: OpStream
    stream_b: OpStream
    alignment: Alignment
    rows_a: EventColumns  # of the pairs
    rows_b: EventColumns
    inputs_equal: _Marks
    outputs_equal: _Marks
    is_compared: _Marks

    @property
    def events_a(self) -> _Numbers:
        """The event numbers of the pairs."""
        return self.ops_a.events[self.alignment.pairs_a]

    @property
    def events_b(self) -> _Numbers:
        return self.ops_b.events[self.alignment.pairs_b]

    @property
    def are_born(self) -> _Marks:
        """Mark the pairs whose inputs are equal and whose outputs are not."""
        return self.inputs_equal & ~self.outputs_equal & self.is_compared

    @property
    def are_sources(self) -> _Marks:
        """Mark the pairs that make a difference: what other ranks sent is none that was born here,
        and explains what comes after it."""
        return self.are_born & ~mark_messages(self.ops_a.trace, self.rows_a)


def align_main_threads(a: Trace, b: Trace, interned: Interned) -> MainThreads:
    """Align what the main threads of one process did in two runs, and compare the pairs."""
    ops_a = select_ops(a, interned, in_threads=False)
    ops_b = select_ops(b, interned, in_threads=False)
    stream_a = ops_a.make_stream(interned)
    stream_b = ops_b.make_stream(interned)
    alignment = align(stream_a.keys, stream_b.keys)
    rows_a = a.columns.take(ops_a.events[alignment.pairs_a])
    rows_b = b.columns.take(ops_b.events[alignment.pairs_b])
    flags = rows_a.flags | rows_b.flags
    inputs_equal = (rows_a.input_digests == rows_b.input_digests).all(axis=1)
    inputs_equal |= (flags & EventFlag.UNDIGESTED) != 0
    return MainThreads(
        ops_a=ops_a,
        ops_b=ops_b,
        stream_a=stream_a,
        stream_b=stream_b,
        alignment=alignment,
        rows_a=rows_a,
        rows_b=rows_b,
        inputs_equal=inputs_equal,
        outputs_equal=(rows_a.output_digests == rows_b.output_digests).all(axis=1),
        is_compared=(flags & UNCOMPARED) == 0,
    )
