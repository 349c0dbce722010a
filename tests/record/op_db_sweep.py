"""Runs PyTorch's own op_db plainly and under the recorder: no call may crash, and none may differ
by a bit.

`python -m tests.record.op_db_sweep --out reports/accuracy/op_db.json` runs every sample and writes
the report, with a readable page beside it. Each op gets float32 and one other dtype, and three
forms where it has them: the function itself and the in-place variant, both with their backward
pass, and `out=`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.testing._internal.common_methods_invocations import op_db

from reproaudit.atlas.child.values import copy_operands
from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import EventFlag, EventKind, Level, OutcomeKind
from reproaudit.model.events import Outcome as Ending
from reproaudit.record.process.install import Installation
from reproaudit.trace.reader import Trace
from tests.record.op_db_report import Sweep, render
from tests.record.outcome import (
    FILLS,
    EmptyMode,
    Outcome,
    capture,
    differing,
    fill_memory,
    seed_everything,
    tensors_in,
)

# In turn over the sweep, so that each is used by many ops.
OTHER_DTYPES = (
    torch.bfloat16,
    torch.complex64,
    torch.int64,
    torch.bool,
    torch.float64,
    torch.bfloat16,
    torch.float16,
    torch.complex128,
    torch.int32,
    torch.uint8,
)
OPS_AT_ONCE = 10  # under one recorder: installing it takes longer than most calls
REPEATS = (
    10  # of a plain call whose recorded result differs, to tell a race from a fault of the recorder
)


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


def name_of(op: Any) -> str:
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else str(op.name)


def sweep(
    ops: list[Any], limit: int | None = None, say: Callable[[str], None] = lambda text: None
) -> Sweep:
    """Run `ops`, at most `limit` samples of each op and dtype."""
    found = Sweep()
    places = {name_of(op): place for place, op in enumerate(op_db)}
    with _unmuted(), tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(ops), OPS_AT_ONCE):
            chosen = ops[start : start + OPS_AT_ONCE]
            say(f"{start + len(chosen)}/{len(ops)} {', '.join(map(name_of, chosen))}")
            dtypes = {name_of(op): _dtypes(op, places[name_of(op)]) for op in chosen}
            found.not_run += [
                (name, "supports no dtype on the CPU of this build")
                for name in dtypes
                if not dtypes[name]
            ]
            cases = [
                case
                for op in chosen
                for dtype in dtypes[name_of(op)]
                for case in _cases(op, dtype, limit, found)
            ]
            where = Path(folder) / str(start)
            first, second = (_record(cases, found, where, "digests", fill) for fill in FILLS[2:])
            _compare_traces(cases, first, second, found)
            dispatched = {cases[step // 2].op for step in _op_steps(first)}
            found.silent += [name for name in dtypes if dtypes[name] and name not in dispatched]
            alerting = [case for case in cases if case.dtype == str(dtypes[case.op][0])[6:]]
            _collect_alerts(alerting, _record(alerting, found, where, "alerts", FILLS[2]), found)
    return found


def _dtypes(op: Any, place: int) -> list[torch.dtype]:
    supported = op.supported_dtypes("cpu")
    others = [dtype for dtype in OTHER_DTYPES if dtype in supported]
    others = others or sorted(supported - {torch.float32}, key=str)
    chosen = [torch.float32] if torch.float32 in supported else []
    return chosen + ([others[place % len(others)]] if others else [])


@contextmanager
def _unmuted() -> Iterator[None]:
    """Let PyTorch repeat warnings that it gives once a process; stop filling memory at the end."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is not watched: samples, copies
            yield
    finally:
        torch.set_warn_always(before)
        fill_memory(0)


# -- the plain side
# --------------------------------------------------------------------------------------------------


def _cases(op: Any, dtype: torch.dtype, limit: int | None, found: Sweep) -> list[Case]:
    name, short = name_of(op), str(dtype)[6:]
    differentiable = op.supports_autograd and dtype in op.supported_backward_dtypes("cpu")
    seed_everything()
    fill_memory(0)
    try:
        samples = list(
            itertools.islice(op.sample_inputs("cpu", dtype, requires_grad=differentiable), limit)
        )
    except Exception as error:
        found.not_run.append(
            (f"{name} {short}", f"its samples cannot be made: {type(error).__name__}: {error}")
        )
        return []
    if not samples:
        found.not_run.append((f"{name} {short}", "it has no samples"))
        return []
    found.ops.setdefault(name, {})[short] = len(samples)
    cases = []
    for number, sample in enumerate(samples):
        roots = sample.output_process_fn_grad if differentiable else None
        for form, call, operands in _forms(op, sample):
            chosen = None if form == "out" else roots
            again, plain = (_plainly(call, operands, chosen, fill) for fill in FILLS[:2])
            case = Case(
                name, short, form, number, call, operands, chosen, plain, differing(plain, again)
            )
            _count(case, found)
            cases.append(case)
    return cases


def _plainly(
    call: Callable[..., Any], operands: Any, roots: Any, fill: int, watch: Any = nullcontext
) -> Outcome:
    fill_memory(fill)
    try:
        return capture(call, operands, roots, watch)
    finally:
        fill_memory(0)


def _forms(op: Any, sample: Any) -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    """Yield the name of each form, the function, and the operands, of which runs get copies."""
    function, inplace = op.get_op(), op.get_inplace()
    operands = (sample.input, tuple(sample.args), dict(sample.kwargs))
    yield "function", lambda first, args, kwargs: function(first, *args, **kwargs), operands
    if inplace is not None and isinstance(sample.input, torch.Tensor):
        # In place on a copy: a leaf that requires a gradient must not be written.
        yield (
            "in-place",
            lambda first, args, kwargs: inplace(first.clone(), *args, **kwargs),
            operands,
        )
    if op.supports_out and (out := _out_for(function, operands)) is not None:

        def into(first: Any, args: Any, kwargs: Any, out: Any) -> Any:
            return function(first, *args, **kwargs, out=out)

        yield "out", into, (*_detached(operands), out)


def _detached(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach()
    if type(value) in (list, tuple):
        return type(value)(_detached(item) for item in value)
    return {key: _detached(item) for key, item in value.items()} if type(value) is dict else value


def _out_for(function: Callable[..., Any], operands: Any) -> Any:
    """Return zeros like the result, to overwrite; None if the op raises or returns no tensor."""
    first, args, kwargs = copy_operands(operands, {})
    seed_everything()
    try:
        with torch.no_grad():
            result = function(first, *args, **kwargs)
            zeros = [torch.zeros_like(tensor) for tensor in tensors_in(result)]
    except Exception:
        return None
    return zeros[0] if isinstance(result, torch.Tensor) else tuple(zeros) or None


def _count(case: Case, found: Sweep) -> None:
    found.counts[f"calls, {case.form}"] += 1
    found.counts["gradients compared"] += sum(
        gradient is not None for gradient in case.plain.gradients
    )
    if case.unstable:
        found.unstable[case.label, ", ".join(sorted(case.unstable))] += 1
    if case.plain.raised:
        found.raised[case.label, case.plain.raised.partition(":")[0]] += 1


# -- the recorded side
# -----------------------------------------------------------------------------------------------


def _record(cases: list[Case], found: Sweep, where: Path, mode: str, fill: int) -> Trace:
    """Run all cases under one recorder and compare them with the plain runs; return the trace."""
    where = where.with_name(f"{where.name}-{mode}-{fill}")
    subject = SubjectSpec(SubjectKind.SCRIPT, where.parent, path="op_db.py")
    plan = RunPlan(
        where, subject, Level.OPERATION, digests=mode == "digests", alerts=mode == "alerts"
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
        for number, case in enumerate(cases):
            recorder.step = 2 * number  # a backward pass makes it the next odd number
            recorded = _plainly(case.call, case.operands, case.roots, fill, watch)
            if differing(case.plain, recorded) - case.unstable:
                suspects.append((case, recorded))
    finally:
        installation.remove()
        recorder.finish(Ending(OutcomeKind.COMPLETED, 0))
    for case, recorded in suspects:
        _judge(case, recorded, found, f"{mode} {fill:#x}")
    trace = Trace.open(where)
    found.counts[f"events recorded, {mode}"] += len(trace.columns)
    return trace


def _judge(case: Case, recorded: Outcome, found: Sweep, mode: str) -> None:
    """Say whose fault a difference is: the call's own, that of any dispatch mode, or the
    recorder's."""
    unstable = set(case.unstable)
    for number in range(REPEATS):
        again = _plainly(case.call, case.operands, case.roots, FILLS[number % len(FILLS)])
        unstable |= differing(case.plain, again)
    if unstable > case.unstable:
        found.unstable[case.label, ", ".join(sorted(unstable))] += 1
    changed = differing(case.plain, recorded) - unstable
    own = changed & differing(
        recorded, _plainly(case.call, case.operands, case.roots, FILLS[0], EmptyMode)
    )
    if changed - own and mode == f"digests {FILLS[2]:#x}":
        found.by_any_mode[case.label, ", ".join(sorted(changed - own))] += 1
    if own:
        shown = [
            f"{part}: {getattr(case.plain, part)!r:.200} became {getattr(recorded, part)!r:.200}"
            for part in own
        ]
        found.failures.append(
            (f"{case.label} sample {case.sample}, {mode}", "; ".join(sorted(shown)))
        )


def _compare_traces(cases: list[Case], first: Trace, second: Trace, found: Sweep) -> None:
    """Two recordings of the same calls must be equal, unless an operator reads memory that nobody
    wrote."""
    for number, case in enumerate(cases):
        what = f"{case.label} sample {case.sample}"
        mine, others = _events_of(first, number), _events_of(second, number)
        if len(mine) != len(others):
            found.false_alarms.append((what, f"{len(mine)} events, then {len(others)}"))
            continue
        rows, other_rows = first.columns.take(mine), second.columns.take(others)
        inputs_differ = (rows.input_digests != other_rows.input_digests).any(axis=1)
        outputs_differ = (rows.output_digests != other_rows.output_digests).any(axis=1)
        differing_rows = np.flatnonzero(inputs_differ | outputs_differ)
        if not len(differing_rows):
            continue
        event = first.event(int(mine[differing_rows[0]]))
        if event.flags & EventFlag.READS_UNDEFINED:
            found.reads_undefined.setdefault(case.label, set()).add(event.name)
        else:
            found.false_alarms.append((what, event.name))


def _op_steps(trace: Trace) -> list[int]:
    """Return the step of each operator."""
    columns = trace.columns
    steps: list[int] = columns.step[columns.are(EventKind.OP)].tolist()
    return steps


def _events_of(trace: Trace, case_number: int) -> npt.NDArray[np.intp]:
    """Return the numbers of the events of one case, which has two steps."""
    return np.flatnonzero(trace.columns.step // 2 == case_number)


def _collect_alerts(cases: list[Case], trace: Trace, found: Sweep) -> None:
    for alert in trace.alerts():
        case = cases[alert.step // 2]
        found.alerts.setdefault(case.op, set()).add(alert.op)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, help="where to write the report: JSON, and Markdown beside it"
    )
    parser.add_argument("--samples", type=int, help="at most so many samples of each op and dtype")
    parser.add_argument(
        "--ops", default="", help="only ops whose name matches this regular expression"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [op for op in op_db if re.search(options.ops, name_of(op))]
    document = sweep(chosen, options.samples, lambda text: print(text, file=sys.stderr)).document()
    if options.out is None:
        print(render(document))
    else:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(document, indent=1) + "\n")
        options.out.with_suffix(".md").write_text(render(document))
    return 1 if document["failures"] or document["false_alarms"] else 0


if __name__ == "__main__":
    sys.exit(main())
