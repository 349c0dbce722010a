"""From the trace of a run to the lines of a lock, and what two runs of one program agree on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.align import align
from reproaudit.comparison.elements import FLOATS
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.leavings import LEFT_NUMBERS
from reproaudit.comparison.tables import tabulate_boundaries
from reproaudit.config.subject import SubjectSpec
from reproaudit.lock.lines import OP_DIGITS, TENSOR_DIGITS
from reproaudit.lock.model import (
    AFTER_ALL_STEPS,
    OUTSIDE,
    VARIES,
    LockedOp,
    LockedRun,
    LockedTensor,
    Pairs,
)
from reproaudit.manifest.code_files import SourceLines, find_code_files, is_own
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.values import TensorValue
from reproaudit.trace.views import TensorEvent
from reproaudit.trace.words import is_loss

OpNumbers = npt.NDArray[np.int64]  # one per operator of a stream
TensorName = tuple[str, int, str, str]  # process, step, kind, name
TensorKey = tuple[str, int, str, str, int]  # and its occurrence, from 0: a name may come again
OpPlace = tuple[str, int, str, str, str, str]  # process, step, phase, module, op, text

# Ops that compute nothing, as views and empty tensors do, that raised, or that have no digest.
_NO_DIGEST = EventFlag.VIEW | EventFlag.UNDEFINED | EventFlag.RAISED | EventFlag.UNDIGESTED
# What numerics do not depend on, or what another name says already: the number of threads says what
# became of OMP_….
_NO_NUMERICS = frozenset(
    {
        "cpu cores",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "CUDA_LAUNCH_BLOCKING",
        "CUDA_VISIBLE_DEVICES",
    }
)
_CUDA_ONLY = frozenset({"gpu", "gpu model", "cudnn"})


def read_locked_run(
    run: Run, subject: SubjectSpec, interned: Interned, *, most_operators: int, other_threads: bool
) -> LockedRun:
    """Return what a run at operation level computed, of its operators at most the first ones."""
    operators: list[LockedOp] = []
    lines = SourceLines(subject)
    total = 0
    for process, trace in run.traces:
        events = _find_operators(trace, with_threads=other_threads)
        total += len(events)
        room = most_operators - len(operators)
        for event in events[:room]:
            op = _read_operator(process, trace, int(event), lines)
            operators.append(op)
    tensors = _read_tensors(run, interned, with_threads=other_threads)
    return LockedRun(
        environment=read_environment(run),
        files=find_code_files(subject, _list_paths(run)),
        changes=_list_changes(run),
        tensors=tuple(tensors),
        operators=tuple(operators),
        operators_total=total,
        other_threads=other_threads,
    )


def has_other_threads(run: Run) -> bool:
    """Return True if threads other than the main one did something that a lock could hold."""
    for _, trace in run.traces:
        in_threads = trace.columns.are_in_threads()
        if in_threads.any():
            return True
    return False


def read_environment(run: Run) -> Pairs:
    """Return what numerics depend on, of what a trace says of its environment.

    The first row is the device: "cuda" if CUDA was used, else "cpu".
    """
    header = run.main.header["environment"]
    device = "cpu"
    if any(text.startswith("torch.cuda:") for text in run.main.strings):
        device = "cuda"
    rows = {"device": device}
    for name, value in header.items():
        if name in _NO_NUMERICS:
            continue
        if name in _CUDA_ONLY and device == "cpu":
            continue
        rows[name] = value
    if "python" in rows:
        # The releases of one minor version compute the same.
        parts = rows["python"].split(".")
        rows["python"] = ".".join(parts[:2])
    return tuple(rows.items())


def _list_paths(run: Run) -> list[str]:
    paths = set()
    for _, trace in run.traces:
        for location in trace.locations:
            paths.add(location.path)
    return sorted(paths)


def _list_changes(run: Run) -> Pairs:
    rows = []
    for change in run.main.changes:
        text = f"{change.before} -> {change.after}"
        rows.append((change.what, text))
    return tuple(rows)


# -- operators


def _find_operators(trace: Trace, *, with_threads: bool) -> OpNumbers:
    """Return the numbers of the events that are ops with a digest of their own."""
    events = trace.columns
    wanted = events.are(EventKind.OP)
    wanted &= ~events.have(_NO_DIGEST)
    if not with_threads:
        wanted &= ~events.are_in_threads()
    return np.flatnonzero(wanted)


def _read_operator(process: str, trace: Trace, event: int, lines: SourceLines) -> LockedOp:
    op = trace.op(event)
    if op.flags & EventFlag.BIRTH:
        inputs = OUTSIDE
    else:
        inputs = _format_digest(op.inputs[0], OP_DIGITS)
    generator = ""
    text = ""
    if op.drew_from is not None:
        generator = _format_digest(op.drew_from, OP_DIGITS)
        text = lines.digest(op.location)
    return LockedOp(
        process=process,
        step=op.step,
        phase=op.phase.name.lower(),
        op=op.name,
        path=shorten_path(op.location.path),
        line=op.location.line,
        module=op.module,
        inputs=inputs,
        outputs=_format_digest(op.outputs[0], OP_DIGITS),
        generator=generator,
        text=text,
        cell=op.location.cell,
    )


def shorten_path(path: str) -> str:
    """Return a path without what differs from machine to machine.

    Of a path outside of the program that is its last part.
    """
    if is_own(path) or not os.path.isabs(path):
        return path
    name = os.path.basename(path)
    return f".../{name}"


def _format_digest(word: int, digits: int) -> str:
    text = f"{int(word):016x}"
    return text[:digits]


# -- tensors


def _read_tensors(run: Run, interned: Interned, *, with_threads: bool) -> Iterator[LockedTensor]:
    table = tabulate_boundaries(run, interned, with_threads=with_threads)
    traces = dict(run.traces)
    # In the order of the run: that of the table is by hash. What the program leaves comes last.
    is_left = np.isin(table.kinds, LEFT_NUMBERS)
    order = np.lexsort((table.events, is_left, table.processes))
    left: list[LockedTensor] = []
    for row in order:
        label = table.labels[table.processes[row]]
        if left and (left[0].process != label or not is_left[row]):
            yield from _sort_left(left)
            left.clear()
        event = int(table.events[row])
        decides = bool(table.deciding[row])
        tensor = _read_tensor(label, traces[label], event, is_deciding=decides)
        if is_left[row]:
            left.append(replace(tensor, step=AFTER_ALL_STEPS))
        else:
            yield tensor
    yield from _sort_left(left)


def _sort_left(tensors: Iterable[LockedTensor]) -> list[LockedTensor]:
    """Sort what a process leaves: in which order objects die is chance."""
    return sorted(tensors, key=attrgetter("kind", "name", "digest"))


def _read_tensor(process: str, trace: Trace, event: int, *, is_deciding: bool) -> LockedTensor:
    tensor = trace.tensor(event)
    kind = _name_kind(tensor, is_deciding=is_deciding)
    value = ""
    if kind == "loss":
        values = trace.values(event)
        if values:
            value = format_scalar(values[0])
    return LockedTensor(
        process=process,
        step=tensor.step,
        kind=kind,
        name=tensor.name,
        tensor=tensor.tensor.replace(", ", ","),
        digest=_format_digest(tensor.digest[0], TENSOR_DIGITS),
        value=value,
    )


def _name_kind(tensor: TensorEvent, *, is_deciding: bool) -> str:
    if tensor.kind is not EventKind.OUTPUT:
        return tensor.kind.name.lower()
    if is_loss(tensor.name):
        return "loss"
    if is_deciding:
        return "output"
    return "intermediate"


def format_scalar(value: TensorValue) -> str:
    """Return the shortest text that tells a floating-point scalar apart, "" for others."""
    form = FLOATS.get(value.dtype)
    if form is None or form.parts != 1:
        return ""
    bits = 8 * len(value.data)
    if bits != form.bits:
        return ""
    raw = value.data.tobytes()
    words = np.frombuffer(raw, f"<u{form.bits // 8}")
    number = form.decode(words)[0]
    # As a double, a single-precision number has digits that tell nothing apart.
    if form.bits != 64:
        number = np.float32(number)
    return str(number)


# -- two runs


def number_operators(
    first: Sequence[LockedOp], second: Sequence[LockedOp]
) -> tuple[OpNumbers, OpNumbers]:
    """Number the operators of two streams so that the same place in a program has the same number.

    Lines are left out: one that is inserted above moves every other.
    """
    known: dict[OpPlace, int] = {}

    def number(stream: Sequence[LockedOp]) -> OpNumbers:
        numbers = []
        for op in stream:
            # Of a draw what stands in its line counts: a new one is told from those around it.
            place = (op.process, op.step, op.phase, op.module, op.op, op.text)
            if place not in known:
                known[place] = len(known)
            numbers.append(known[place])
        return np.array(numbers, np.int64)

    return number(first), number(second)


def have_same_rows(first: LockedRun, second: LockedRun) -> bool:
    """Return True if both runs hold the same tensors and operators in the same order.

    Their digests may differ.
    """
    if _list_tensors(first) != _list_tensors(second):
        return False
    a, b = number_operators(first.operators, second.operators)
    return np.array_equal(a, b)


def _list_tensors(run: LockedRun) -> list[TensorName]:
    names = []
    for tensor in run.tensors:
        name = (tensor.process, tensor.step, tensor.kind, tensor.name)
        names.append(name)
    return names


def intersect_runs(first: LockedRun, second: LockedRun) -> LockedRun:
    """Return what both runs hold, with VARIES where their digests differ.

    For runs that are equal in all that decides: an operator may still differ without consequence.
    """
    operators = []
    a, b = number_operators(first.operators, second.operators)
    pairs = align(a, b)
    for i, j in zip(pairs.pairs_a, pairs.pairs_b, strict=True):
        op = _intersect_ops(first.operators[i], second.operators[j])
        operators.append(op)
    tensors = []
    others = index_tensors(second.tensors)
    for key, tensor in index_tensors(first.tensors).items():
        other = others.get(key)
        if other is None:
            continue
        digest = _keep_equal(tensor.digest, other.digest)
        tensors.append(replace(tensor, digest=digest))
    return replace(first, tensors=tuple(tensors), operators=tuple(operators))


def _intersect_ops(a: LockedOp, b: LockedOp) -> LockedOp:
    return replace(
        a,
        inputs=_keep_equal(a.inputs, b.inputs),
        outputs=_keep_equal(a.outputs, b.outputs),
        generator=_keep_equal(a.generator, b.generator),
    )


def _keep_equal(first: str, second: str) -> str:
    if first == second:
        return first
    return VARIES


def index_tensors(tensors: Iterable[LockedTensor]) -> dict[TensorKey, LockedTensor]:
    """Return the tensors by process, step, kind, name and occurrence."""
    counts: dict[TensorName, int] = {}
    found = {}
    for tensor in tensors:
        kind = tensor.kind
        # A line of code may make an output one that decides nothing, or the other way round.
        if kind == "intermediate":
            kind = "output"
        name = (tensor.process, tensor.step, kind, tensor.name)
        occurrence = counts.get(name, 0)
        counts[name] = occurrence + 1
        key = (*name, occurrence)
        found[key] = tensor
    return found
