"""Runs PyTorch's own op_db plainly and under the recorder: no call may crash, and none may differ by a bit.

`python -m tests.record.op_db_sweep --out reports/accuracy/op_db.json` runs every sample and writes the report, with a
readable rendering beside it. Each op gets float32 and one other dtype, and three forms where it has them: the function
itself with its backward pass, the in-place variant with its backward pass, and `out=`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._python_dispatch import TorchDispatchMode

from reproaudit.model import EventKind, Level, Outcome as RunOutcome, OutcomeKind
from reproaudit.plan import RunPlan, SubjectKind, SubjectSpec
from reproaudit.record.install import Installation
from reproaudit.trace.reader import Trace
from tests.record.outcome import Outcome, capture, differing, fresh, seed_everything, tensors_in

# In turn over the sweep, so that each is used by many ops.
OTHER_DTYPES = (
    torch.bfloat16, torch.complex64, torch.int64, torch.bool, torch.float64, torch.bfloat16, torch.float16,
    torch.complex128, torch.int32, torch.uint8,
)  # fmt: skip
# Their result is memory that nobody wrote: equal in two plain runs only by chance.
UNDEFINED_MEMORY = frozenset("empty empty_like empty_strided empty_permuted new_empty new_empty_strided".split())
REPEATS = 20  # of a plain call whose recorded result differs, to tell a race from a fault of the recorder
IN_CONTENT = frozenset({"outputs", "inputs", "gradients"})


@dataclass(frozen=True)
class Case:
    """One call of one op: a sample in one form, and what two plain runs of it left."""

    op: str
    dtype: str
    form: str
    sample: int
    call: Callable[..., Any]
    operands: tuple[Any, ...]
    roots: Callable[[Any], Any] | None
    plain: Outcome
    unstable: frozenset[str]

    @property
    def label(self) -> str:
        return f"{self.op} {self.dtype} {self.form}"


@dataclass
class Sweep:
    """What a sweep has found so far."""

    ops: dict[str, dict[str, int]] = field(default_factory=dict)  # op -> dtype -> samples
    not_run: list[tuple[str, str]] = field(default_factory=list)  # what, why
    silent: list[str] = field(default_factory=list)  # ops none of whose calls dispatched an operator
    counts: Counter[str] = field(default_factory=Counter)
    raised: Counter[str] = field(default_factory=Counter)  # label and exception -> calls that raise, plainly too
    excluded: Counter[tuple[str, str]] = field(default_factory=Counter)  # label, why -> calls
    failures: list[tuple[str, str]] = field(default_factory=list)  # label and mode, what differs
    alerts: dict[str, list[str]] = field(default_factory=dict)  # op -> operators that alert


def name_of(op: Any) -> str:
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else str(op.name)


def sweep(ops: list[Any], limit: int | None = None, say: Callable[[str], None] = lambda text: None) -> Sweep:
    """Run `ops`, at most `limit` samples of each op and dtype."""
    found = Sweep()
    places = {name_of(op): place for place, op in enumerate(op_db)}
    with _all_warnings(), tempfile.TemporaryDirectory() as folder:
        for number, op in enumerate(ops):
            name = name_of(op)
            say(f"{number + 1}/{len(ops)} {name}")
            dtypes = _dtypes(op, places[name])
            if not dtypes:
                found.not_run.append((name, "supports no dtype on the CPU of this build"))
            operators = 0
            for dtype in dtypes:
                cases = _cases(op, dtype, limit, found)
                operators += _compare(cases, found, Path(folder), "digests")
                if dtype is torch.float32:
                    _compare(cases, found, Path(folder), "alerts")
            if dtypes and not operators:
                found.silent.append(name)
    return found


def _dtypes(op: Any, place: int) -> list[torch.dtype]:
    supported = op.supported_dtypes("cpu")
    others = [dtype for dtype in OTHER_DTYPES if dtype in supported]
    others = others or sorted(supported - {torch.float32}, key=str)
    chosen = [torch.float32] if torch.float32 in supported else []
    return chosen + ([others[place % len(others)]] if others else [])


@contextmanager
def _all_warnings() -> Iterator[None]:
    """Let PyTorch repeat warnings that it gives once in a process, so that each run can be asked for them."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        yield
    finally:
        torch.set_warn_always(before)


# -- the plain side --------------------------------------------------------------------------------------------------


def _cases(op: Any, dtype: torch.dtype, limit: int | None, found: Sweep) -> list[Case]:
    name, short = name_of(op), str(dtype)[6:]
    differentiable = op.supports_autograd and dtype in op.supported_backward_dtypes("cpu")
    seed_everything()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            samples = list(itertools.islice(op.sample_inputs("cpu", dtype, requires_grad=differentiable), limit))
        except Exception as error:
            found.not_run.append((f"{name} {short}", f"its samples cannot be made: {type(error).__name__}: {error}"))
            return []
    found.ops.setdefault(name, {})[short] = len(samples)
    cases = []
    for number, sample in enumerate(samples):
        roots = sample.output_process_fn_grad if differentiable else None
        for form, call, operands in _forms(op, sample):
            chosen = None if form == "out" else roots
            plain, again = (capture(call, operands, chosen) for _ in range(2))
            unstable = differing(plain, again) | (IN_CONTENT if op.name in UNDEFINED_MEMORY else frozenset())
            cases.append(Case(name, short, form, number, call, operands, chosen, again, unstable))
    return cases


def _forms(op: Any, sample: Any) -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    """Yield the name of each form, the function, and the operands of which every run gets copies."""
    function, inplace = op.get_op(), op.get_inplace()
    operands = (sample.input, tuple(sample.args), dict(sample.kwargs))
    yield "function", lambda first, args, kwargs: function(first, *args, **kwargs), operands
    if inplace is not None and isinstance(sample.input, torch.Tensor):
        # In place on a copy: a leaf that requires a gradient must not be written.
        yield "in-place", lambda first, args, kwargs: inplace(first.clone(), *args, **kwargs), operands
    if op.supports_out and (out := _out_for(function, operands)) is not None:
        detached = _detached(operands)

        def into(first: Any, args: Any, kwargs: Any, out: Any) -> Any:
            return function(first, *args, **kwargs, out=out)

        yield "out", into, (*detached, out)


def _detached(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach()
    if type(value) in (list, tuple):
        return type(value)(_detached(item) for item in value)
    return {key: _detached(item) for key, item in value.items()} if type(value) is dict else value


def _out_for(function: Callable[..., Any], operands: Any) -> Any:
    """Return zeros like the result, to be overwritten; None if the op raises or returns something else."""
    first, args, kwargs = fresh(operands, {})
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        seed_everything()
        try:
            result = function(first, *args, **kwargs)
            zeros = [torch.zeros_like(tensor) for tensor in tensors_in(result)]
        except Exception:
            return None
    return zeros[0] if isinstance(result, torch.Tensor) else tuple(zeros) or None


# -- the recorded side -----------------------------------------------------------------------------------------------


def _compare(cases: list[Case], found: Sweep, folder: Path, mode: str) -> int:
    """Run all cases of one op under one recorder; return how many operators it recorded."""
    if not cases:
        return 0
    subject = SubjectSpec(SubjectKind.SCRIPT, folder, path="op_db.py")
    where = folder / f"{len(found.ops)}-{cases[0].dtype}-{mode}"
    plan = RunPlan(
        trace_dir=where, subject=subject, level=Level.OPERATION, digests=mode == "digests", alerts=mode == "alerts"
    )
    installation = Installation(plan, str(where))
    recorder = installation.recorder
    recorder.active = False

    @contextmanager
    def watch() -> Iterator[None]:
        recorder.active = True
        try:
            yield
        finally:
            recorder.active = False

    suspects = []
    try:
        for case in cases:
            recorded = capture(case.call, case.operands, case.roots, watch)
            if differing(case.plain, recorded) - case.unstable:
                suspects.append((case, recorded))
            _count(case, recorded, found, mode)
    finally:
        installation.remove()
        recorder.finish(RunOutcome(OutcomeKind.COMPLETED, 0))
    for case, recorded in suspects:
        _judge(case, recorded, found, mode)
    trace = Trace.open(where)
    operators = int((trace.events["kind"] == EventKind.OP).sum())
    found.counts[f"events {mode}"] += len(trace.events)
    alerts = trace.events[trace.events["kind"] == EventKind.ALERT]
    if len(alerts):
        found.alerts[cases[0].op] = sorted({trace.strings[row["name"]] for row in alerts})
    return operators


def _count(case: Case, recorded: Outcome, found: Sweep, mode: str) -> None:
    counts = found.counts
    counts[f"calls {mode}"] += 1
    counts[f"calls {mode} {case.form}"] += 1
    counts[f"gradients {mode}"] += sum(gradient != "NoneType" and gradient is not None for gradient in recorded.gradients)
    if mode != "digests":
        return
    if case.unstable:
        why = (
            "its result is undefined memory"
            if case.unstable >= IN_CONTENT
            else f"two plain runs differ in: {', '.join(sorted(case.unstable))}"
        )
        found.excluded[case.label, why] += 1
    if case.plain.raised:
        counts["calls that raise, plainly too"] += 1
        found.raised[f"{case.label}: {case.plain.raised.partition(':')[0]}"] += 1


def _judge(case: Case, recorded: Outcome, found: Sweep, mode: str) -> None:
    """A recorded run differs: exclude it if some plain run differs in the same parts, else it is a failure."""
    unstable = set(case.unstable)
    for _ in range(REPEATS):
        unstable |= differing(case.plain, capture(case.call, case.operands, case.roots))
    left = differing(case.plain, recorded) - unstable
    if left:
        with_mode = differing(recorded, capture(case.call, case.operands, case.roots, _EmptyMode))
        if not left & with_mode:
            mode += ", as under an empty dispatch mode"
        shown = "; ".join(f"{part}: {_shown(case.plain, part)} became {_shown(recorded, part)}" for part in sorted(left))
        found.failures.append((f"{case.label} sample {case.sample}, {mode}", shown))
    else:
        why = f"{REPEATS} plain runs differ in: {', '.join(sorted(unstable - case.unstable))}"
        found.excluded[case.label, why] += 1


class _EmptyMode(TorchDispatchMode):
    """Tells what any dispatch mode changes from what the recorder changes."""

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        return True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def _shown(outcome: Outcome, part: str) -> str:
    return "other random state" if part == "random_state" else repr(getattr(outcome, part))[:300]
