"""What the threads of a program write in place: in one memory, or another thread than before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reproaudit.comparison.columns import are_among, mix
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.op_streams import select_ops
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import OpEvent
from reproaudit.trace.words import is_in_place

_MOST_LOOKED_AT = 1000  # of the ops at one line


def find_other_writer(trace: Trace, op: OpEvent) -> OpEvent | None:
    """Return an op by which another thread wrote what `op`, or its like at its line, then used.

    None if they neither write in place nor run in a thread: what the main thread reads may have
    been handed over to it. One call in a loop may come after another one of its own thread, and be
    disturbed by the other thread all the same.
    """
    if not is_in_place(op.name) and not op.is_in_thread:
        return None
    columns = trace.columns
    row = columns.take(slice(op.number, op.number + 1))
    is_alike = columns.are(EventKind.OP) & columns.have(EventFlag.OUTSIDE_WRITE)
    is_alike &= (columns.name == row.name) & (columns.location == row.location)
    # With the op itself, whether it is marked or not: it is the one in question.
    for number in (op.number, *np.flatnonzero(is_alike)[:_MOST_LOOKED_AT].tolist()):
        one = trace.op(number)
        if one.made_by is None or one.made_by >= len(trace.events):
            continue
        made = trace.event(one.made_by)
        if isinstance(made, OpEvent) and made.thread != one.thread and is_in_place(made.name):
            return made
    return None


def have_exchanged_writes(a: Trace, b: Trace) -> bool:
    """Return True if both runs wrote the same content in place, and in `b` another thread did.

    That follows where threads take turns at what they write, as at one stream of random numbers.
    By a race alone each thread writes what it wrote in `a`, or something new.
    """
    interned = Interned()
    contents = []
    for trace in (a, b):
        ops = select_ops(trace, interned, in_threads=True)
        writes_in_place = np.array([is_in_place(name) for name in trace.strings], dtype=np.bool_)
        writes = replace(ops, events=ops.events[writes_in_place[ops.columns().name]])
        rows = writes.columns()
        keys = writes.make_keys(interned, step=False)
        whole = mix(keys, *rows.output_digests.T)
        contents.append((whole, mix(rows.thread, whole)))
    (whole_a, by_thread_a), (whole_b, by_thread_b) = contents
    return bool((are_among(whole_a, whole_b) & ~are_among(by_thread_a, by_thread_b)).any())
