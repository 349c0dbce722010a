"""Where something beside a part of the data reaches that part: an op that mixes the two.

Two runs were given the same part beside other content, in tensors of the same shapes, and recorded
digests of that part alone (`Recorder.kept`). Another order of a sum explains no difference: it is
the same in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import Source
from reproaudit.comparison.main_threads import align_main_threads
from reproaudit.model.events import Location
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run, pair_traces
from reproaudit.trace.slices import SlicedCall, SlicedTensor, Slices

_Operands = tuple[SlicedTensor, ...]


@dataclass(frozen=True, slots=True)
class Leak:
    """An op that read the part alike in both runs, and wrote it otherwise.

    Event numbers are within the process. `is_proof`: all calls and shapes of the runs are the same,
    so that nothing but content can have made the difference.
    """

    process: str
    event_a: int
    event_b: int
    op: str
    module: str
    location: Location | None
    is_proof: bool

    def as_source(self) -> Source:
        """Return it as a source of the two runs."""
        return Source.of_op(self.process, self.event_a, self.event_b)


def find_leak(a: Run, b: Run, interned: Interned) -> Leak | None:
    """Return the op by which other content reaches the part that is looked at; None if none does.

    The last one that mixes is it: what an earlier one mixed was taken out again, as a mask does,
    and whatever comes after it reads what is mixed.
    """
    return _find(a, b, interned, is_last=True)


def find_rounding(a: Run, b: Run, interned: Interned) -> Leak | None:
    """Return the first op that wrote the part otherwise, though it read it alike.

    For runs of which one alone has something beside that part, as columns that are masked.
    """
    return _find(a, b, interned, is_last=False)


def _find(a: Run, b: Run, interned: Interned, *, is_last: bool) -> Leak | None:
    found = None
    for process, trace_a, trace_b in pair_traces(a, b):
        here = _find_in_process(process, trace_a, trace_b, interned, is_last=is_last)
        found = here or found
        if found is not None and not is_last:
            break
    return found


def _find_in_process(
    process: str, a: Trace, b: Trace, interned: Interned, *, is_last: bool
) -> Leak | None:
    slices_a = Slices(a.directory)
    slices_b = Slices(b.directory)
    both = align_main_threads(a, b, interned)
    is_proof = not len(both.alignment.only_a) and not len(both.alignment.only_b)
    mixing: tuple[int, int] | None = None
    for event_a, event_b, is_compared in zip(
        both.events_a.tolist(), both.events_b.tolist(), both.is_compared.tolist(), strict=True
    ):
        call_a = slices_a.call(event_a)
        call_b = slices_b.call(event_b)
        if call_a is None or call_b is None or not is_compared:
            continue
        if _list_shapes(call_a) != _list_shapes(call_b):
            is_proof = False
            continue
        read_a, read_b = ((one.inputs, one.other_inputs) for one in (call_a, call_b))
        written_a, written_b = ((one.outputs, one.other_outputs) for one in (call_a, call_b))
        if _are_equal(read_a, read_b) and not _are_equal(written_a, written_b):
            mixing = event_a, event_b
            if not is_last:
                break
    if mixing is None:
        return None
    op = a.op(mixing[0])
    return Leak(
        process=process,
        event_a=mixing[0],
        event_b=mixing[1],
        op=op.shown_name,
        module=op.module,
        location=op.known_location,
        is_proof=is_proof,
    )


def _list_shapes(call: SlicedCall) -> list[tuple[int, ...]]:
    return [tensor.shape for tensor in (*call.inputs, *call.outputs)]


def _are_equal(a: Sequence[_Operands], b: Sequence[_Operands]) -> bool:
    """Return True if the part of each tensor is equal, in one of the ways of taking it."""
    ways = [
        [one.whole == two.whole for one, two in zip(tensors_a, tensors_b, strict=True)]
        for tensors_a, tensors_b in zip(a, b, strict=True)
    ]
    return all(map(any, zip(*ways, strict=True)))
