"""From the trace of a run to the lines of a lock, and what two runs of one program agree on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from reproaudit.compare.align import align
from reproaudit.compare.boundaries import tabulate_boundaries
from reproaudit.compare.elements import FLOATS
from reproaudit.compare.interning import Interned
from reproaudit.config.subject import SubjectSpec
from reproaudit.lock.code_files import code_files, is_own
from reproaudit.lock.lines import OP_DIGITS, TENSOR_DIGITS
from reproaudit.lock.model import OUTSIDE, VARIES, LockedOp, LockedRun, LockedTensor, Pairs
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.values import TensorValue
from reproaudit.trace.words import is_loss

Keys = npt.NDArray[np.int64]

_NO_DIGEST = EventFlag.VIEW | EventFlag.UNDEFINED | EventFlag.RAISED | EventFlag.UNDIGESTED
# What numerics do not depend on, or what another name says already: the number of threads says what
# became of OMP_….
_NO_NUMERICS = frozenset(
    "cpu cores,OMP_NUM_THREADS,MKL_NUM_THREADS,CUDA_LAUNCH_BLOCKING,CUDA_VISIBLE_DEVICES".split(",")
)
_CUDA_ONLY = frozenset({"gpu", "gpu model", "cudnn"})


def locked_run(
    run: Run, subject: SubjectSpec, interned: Interned, *, most_operators: int, other_threads: bool
) -> LockedRun:
    """Return what a run at operation level computed, of its operators at most the first ones."""
    operators: list[LockedOp] = []
    total = 0
    for process, trace in run.traces:
        chosen = _operator_events(trace, other_threads)
        total += len(chosen)
        operators += (
            _operator(process, trace, int(event))
            for event in chosen[: most_operators - len(operators)]
        )
    return LockedRun(
        environment=environment_of(run),
        files=code_files(
            subject, sorted({place.path for _, trace in run.traces for place in trace.locations})
        ),
        changes=tuple(
            (change.what, f"{change.before} -> {change.after}") for change in run.main.changes
        ),
        tensors=tuple(_tensors(run, interned, other_threads)),
        operators=tuple(operators),
        operators_total=total,
        other_threads=other_threads,
    )


def has_other_threads(run: Run) -> bool:
    """True if threads other than the main one did something that a lock could hold."""
    return any(trace.columns.are_in_threads().any() for _, trace in run.traces)


def environment_of(run: Run) -> Pairs:
    """Return what numerics depend on, of what a trace says of its environment, and whether CUDA was
    used."""
    header = run.main.header["environment"]
    device = "cuda" if any(text.startswith("torch.cuda:") for text in run.main.strings) else "cpu"
    rows = {"device": device}
    for name, value in header.items():
        if name in _NO_NUMERICS or (name in _CUDA_ONLY and device == "cpu"):
            continue
        rows[name] = ".".join(value.split(".")[:2]) if name == "python" else value
    return tuple(rows.items())


# -- operators


def _operator_events(trace: Trace, threads: bool) -> Keys:
    events = trace.columns
    wanted = events.are(EventKind.OP) & ~events.have(_NO_DIGEST)
    if not threads:
        wanted &= ~events.are_in_threads()
    return np.flatnonzero(wanted)


def _operator(process: str, trace: Trace, event: int) -> LockedOp:
    op = trace.op(event)
    return LockedOp(
        process=process,
        step=op.step,
        phase=op.phase.name.lower(),
        op=op.name,
        path=shown_path(op.location.path),
        line=op.location.line,
        module=op.module,
        inputs=OUTSIDE if op.flags & EventFlag.BIRTH else _hex(op.inputs[0], OP_DIGITS),
        outputs=_hex(op.outputs[0], OP_DIGITS),
        generator="" if op.drew_from is None else _hex(op.drew_from, OP_DIGITS),
    )


def shown_path(path: str) -> str:
    """Return a path without what differs from machine to machine: outside of the program, its last
    part."""
    return path if is_own(path) or not os.path.isabs(path) else f".../{os.path.basename(path)}"


def _hex(word: int, digits: int) -> str:
    return f"{int(word):016x}"[:digits]


# -- tensors


def _tensors(run: Run, interned: Interned, threads: bool) -> Iterable[LockedTensor]:
    table = tabulate_boundaries(run, interned, with_threads=threads)
    traces = dict(run.traces)
    # In the order of the run: that of the table is by hash.
    for row in np.lexsort((table.events, table.processes)):
        process = table.labels[table.processes[row]]
        yield _tensor(process, traces[process], int(table.events[row]), bool(table.deciding[row]))


def _tensor(process: str, trace: Trace, event: int, deciding: bool) -> LockedTensor:
    tensor = trace.tensor(event)
    kind = tensor.kind.name.lower()
    if tensor.kind is EventKind.OUTPUT and is_loss(tensor.name):
        kind = "loss"
    elif tensor.kind is EventKind.OUTPUT and not deciding:
        kind = "intermediate"
    values = trace.values(event) if kind == "loss" else ()
    return LockedTensor(
        process=process,
        step=tensor.step,
        kind=kind,
        name=tensor.name,
        tensor=tensor.tensor.replace(", ", ","),
        digest=_hex(tensor.digest[0], TENSOR_DIGITS),
        value=scalar_text(values[0]) if values else "",
    )


def scalar_text(value: TensorValue) -> str:
    """Return the shortest text that tells a floating-point scalar apart, "" for others."""
    form = FLOATS.get(value.dtype)
    if form is None or form.parts != 1 or 8 * len(value.data) != form.bits:
        return ""
    words = np.frombuffer(value.data.tobytes(), f"<u{form.bits // 8}")
    number = form.decode(words)[0]
    return str(number if form.bits == 64 else np.float32(number))


# -- two runs


def row_keys(first: Sequence[LockedOp], second: Sequence[LockedOp]) -> tuple[Keys, Keys]:
    """Number the operators of two streams so that the same place in a program has the same number.

    Lines are left out: one that is inserted above moves every other.
    """
    known: dict[tuple[str, int, str, str, str], int] = {}

    def keys(stream: Sequence[LockedOp]) -> Keys:
        rows = ((op.process, op.step, op.phase, op.module, op.op) for op in stream)
        return np.array([known.setdefault(row, len(known)) for row in rows], np.int64)

    return keys(first), keys(second)


def same_order(first: LockedRun, second: LockedRun) -> bool:
    """True if both runs hold the same tensors and operators in the same order, whatever their
    digests."""

    def rows(run: LockedRun) -> list[tuple[str, int, str, str]]:
        return [(tensor.process, tensor.step, tensor.kind, tensor.name) for tensor in run.tensors]

    a, b = row_keys(first.operators, second.operators)
    return rows(first) == rows(second) and np.array_equal(a, b)


def agreed(first: LockedRun, second: LockedRun) -> LockedRun:
    """Return the first run with VARIES where the second had another digest, and without what only
    one of them has.

    For runs that are equal in all that decides: an operator may still differ without consequence.
    """
    pairs = align(*row_keys(first.operators, second.operators))
    operators = tuple(
        _agreed_op(first.operators[i], second.operators[j])
        for i, j in zip(pairs.pairs_a, pairs.pairs_b, strict=True)
    )
    others = numbered(second.tensors)
    tensors = []
    for key, tensor in numbered(first.tensors).items():
        other = others.get(key)
        if other is not None:
            tensors.append(
                tensor if tensor.digest == other.digest else replace(tensor, digest=VARIES)
            )
    return replace(first, tensors=tuple(tensors), operators=operators)


def _agreed_op(a: LockedOp, b: LockedOp) -> LockedOp:
    def both(name: str) -> str:
        return getattr(a, name) if getattr(a, name) == getattr(b, name) else VARIES

    return replace(a, inputs=both("inputs"), outputs=both("outputs"), generator=both("generator"))


TensorKey = tuple[str, int, str, str, int]


def numbered(tensors: Iterable[LockedTensor]) -> dict[TensorKey, LockedTensor]:
    """Return the tensors by process, step, kind, name and occurrence."""
    seen: dict[tuple[str, int, str, str], int] = {}
    found: dict[TensorKey, LockedTensor] = {}
    for tensor in tensors:
        # A line of code may make an output one that decides nothing, or the other way round.
        kind = "output" if tensor.kind == "intermediate" else tensor.kind
        key = (tensor.process, tensor.step, kind, tensor.name)
        seen[key] = seen.get(key, -1) + 1
        numbered_key = (*key, seen[key])
        found[numbered_key] = tensor
    return found
