"""What `reproaudit check` says of an entry: lines for people, and the same facts for machines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from reproaudit.lock.check import Changes, CheckResult, State, TensorChange
from reproaudit.lock.model import AFTER_ALL_STEPS, LockedOp, LockedTensor, ValueChange
from reproaudit.lock.where import Where, WhereKind
from reproaudit.report.layout import make_rows

Row = tuple[str, str]  # a label, and what it says
Document = dict[str, Any]

JSON_SCHEMA = 1
_MOST_ROWS = 5  # of differing tensors, operators and files
_WHAT = {
    WhereKind.RESULT: "another result for the same inputs",
    WhereKind.OUTSIDE: "other content came in from outside PyTorch: NumPy, a list, a file",
    WhereKind.RANDOM: (
        "drawn from a generator in another state: another seed, or other draws before"
    ),
    WhereKind.ARGUMENT: (
        "another argument, such as a hyper-parameter: every result before it is the locked one"
    ),
    WhereKind.OPERATORS: "operators that only one side has",
    WhereKind.TENSOR: "a tensor; no operator that the lock holds differs",
    WhereKind.NEW_DRAW: (
        "the random stream was drawn from earlier, by this new line: later draws give other numbers"
    ),
    WhereKind.MORE_DRAWS: (
        "the random stream was drawn from more often, at this line: later draws give other numbers"
    ),
    WhereKind.FEWER_DRAWS: (
        "the random stream is not drawn from here any more, as it was at this line of the lock: "
        "later draws give other numbers"
    ),
}
_ONE_SIDED = (
    WhereKind.OPERATORS,
    WhereKind.NEW_DRAW,
    WhereKind.MORE_DRAWS,
    WhereKind.FEWER_DRAWS,
)


def to_lines(result: CheckResult, lock_name: str) -> list[str]:
    """Return the lines about one entry, without a trailing newline."""
    if result.state is State.NOT_COMPARABLE:
        return _write_not_comparable(result)
    if result.state is State.EQUAL:
        return _write_equal(result, lock_name)
    return _write_difference(result, lock_name)


def to_document(results: Sequence[CheckResult], lock_name: str, exit_code: int) -> Document:
    """Return the outcome as JSON can hold it.

    `schema` rises with every change that a reader could trip over.
    """
    return {
        "schema": JSON_SCHEMA,
        "lock": lock_name,
        "exit_code": exit_code,
        "entries": [_make_entry_document(result) for result in results],
    }


# -- lines


def _write_not_comparable(result: CheckResult) -> list[str]:
    lines = [f"not comparable here: {result.name}: {result.why}"]
    if result.hint:
        hint = f"  hint: {result.hint}"
        lines.append(hint.rstrip())
    return lines


def _write_equal(result: CheckResult, lock_name: str) -> list[str]:
    remarks = make_rows([*_list_changes(result), *_list_renames(result)])
    if result.operators_differ:
        remarks.append(
            "operators    not all are the locked ones, without consequence for any tensor"
        )
    state = "equal"
    if result.renames:
        state = "equal, under other names"
    elif remarks:
        state = "equal, though not run as it was locked"
    holds = f"computes what {lock_name} holds: {result.compared} tensors"
    lines = [f"{state}: {result.name} {holds}"]
    lines += _indent(remarks)
    return lines


def _write_difference(result: CheckResult, lock_name: str) -> list[str]:
    where = result.where
    assert where is not None
    first = _write_headline(where, result)
    lines = [f"differs: {result.name} no longer computes what {lock_name} holds; {first}"]
    sections = (
        ("First where", _write_where(where, result)),
        ("What differs", _write_tensors(result)),
        ("What changed", _write_causes(result)),
        ("Next", _write_advice(result)),
    )
    for heading, section in sections:
        lines.append("")
        lines.append(heading)
        lines += _indent(section)
    return lines


def _indent(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"  {line}"


def _write_headline(where: Where, result: CheckResult) -> str:
    op = where.first
    if op is None:
        step = result.tensors[0].either.step
        of = "" if step == AFTER_ALL_STEPS else "of "
        return f"first at the {where.tensor} {of}{_name_step(step)}"
    moment = _write_moment(op)
    return f"first at {_name_op(op)}, {op.place} ({moment})"


def _write_moment(op: LockedOp) -> str:
    moment = f"step {op.step}, {op.phase}"
    if op.process:
        moment += f", process {op.process}"
    return moment


def _name_op(op: LockedOp) -> str:
    return op.op.removesuffix(".default")


def _write_where(where: Where, result: CheckResult) -> list[str]:
    rows = [("what", _WHAT[where.kind])]
    if where.first is None:
        rows.append(("tensor", where.tensor))
        if result.is_cut:
            advice = "holds fewer operators than the program runs; --ops keeps more"
            rows.append(("lock", advice))
    elif where.kind in _ONE_SIDED:
        rows += _list_operators("only locked", where.locked)
        rows += _list_operators("only now", where.now)
    else:
        rows += _list_pair(where.locked[0], where.now[0])
    return make_rows(rows)


def _list_pair(locked: LockedOp, now: LockedOp) -> Iterator[Row]:
    """Yield what is to be said of an op that both sides have."""
    line = now.place
    if locked.place != now.place:
        line += f" (locked at {locked.place})"
    yield "operator", _name_op(now)
    yield "line", line
    yield "when", _write_moment(now)
    if now.module:
        yield "module", now.module
    yield "locked", _write_digests(locked)
    yield "now", _write_digests(now)


def _write_digests(op: LockedOp) -> str:
    return f"{op.inputs} -> {op.outputs}"


def _list_operators(label: str, operators: Sequence[LockedOp]) -> Iterator[Row]:
    for op in operators[:_MOST_ROWS]:
        parts = [_name_op(op), op.place]
        if op.module:
            parts.append(f"in {op.module}")
        parts.append(_write_moment(op))
        yield label, "  ".join(parts)
    left = len(operators) - _MOST_ROWS
    if left > 0:
        yield label, f"and {left} more"


def _write_tensors(result: CheckResult) -> Iterator[str]:
    changes = result.tensors
    steps = {change.either.step for change in changes}
    span = _write_span(steps)
    new = len(changes) - result.differing
    also = f", and {new} that the lock does not have" if new else ""
    yield f"{result.differing} of {result.compared} tensors{also}, {span}"
    # Losses first: their values are numbers that a reader knows.
    losses = []
    others = []
    for change in changes:
        if change.either.kind == "loss":
            losses.append(change)
        else:
            others.append(change)
    shown = losses[:_MOST_ROWS] + others[:_MOST_ROWS]
    rows = [_write_tensor(change) for change in shown]
    yield from make_rows(rows)
    left = len(changes) - len(shown)
    if left:
        yield f"and {left} more"


def _write_span(steps: Collection[int]) -> str:
    numbered = [step for step in steps if step != AFTER_ALL_STEPS]
    if not numbered:
        return "at the end"
    first = min(numbered)
    last = max(numbered)
    span = f"in step {first}" if first == last else f"in steps {first} to {last}"
    return span if AFTER_ALL_STEPS not in steps else f"{span} and at the end"


def _name_step(step: int) -> str:
    return "at the end" if step == AFTER_ALL_STEPS else f"step {step}"


def _write_tensor(change: TensorChange) -> tuple[str, ...]:
    tensor = change.either
    shape = tensor.tensor
    if change.has_other_shape:
        shape = ""  # each side is shown with its own
    locked = _write_content(change.locked, with_shape=change.has_other_shape)
    now = _write_content(change.now, with_shape=change.has_other_shape)
    return (
        _name_step(tensor.step),
        tensor.kind,
        tensor.name,
        shape,
        f"locked {locked}",
        f"now {now}",
    )


def _write_content(tensor: LockedTensor | None, *, with_shape: bool) -> str:
    if tensor is None:
        return "nothing"
    content = _get_content(tensor)
    if with_shape:
        return f"{tensor.tensor} {content}"
    return content


def _get_content(tensor: LockedTensor) -> str:
    """Return the value where it is known, else the digest."""
    return tensor.value or tensor.digest


def _write_causes(result: CheckResult) -> list[str]:
    if not result.changes.is_any:
        return ["nothing that is recorded: if it is not the data, the program is not reproducible"]
    return make_rows([*_list_changes(result), *_list_renames(result)])


def _list_changes(result: CheckResult) -> Iterator[Row]:
    changes = result.changes
    yield from _list_files(result)
    for name, before, now in changes.settings:
        yield "settings", _write_change(name, before, now)
    for name, before, now in changes.environment:
        yield "environment", _write_change(name, before, now)


def _list_renames(result: CheckResult) -> Iterator[Row]:
    """Yield which tensors have other names: a change of names, not of numerics."""
    for name, other in result.renames[:_MOST_ROWS]:
        yield "names", f"{name} is {other} now, with the same contents"
    left = len(result.renames) - _MOST_ROWS
    if left > 0:
        yield "names", f"and {left} more; reproaudit lock {result.name} writes them anew"


def _list_files(result: CheckResult) -> Iterator[Row]:
    op = None
    if result.where is not None:
        op = result.where.first
    code = result.changes.code
    for path, how in code[:_MOST_ROWS]:
        text = f"{path} {how}"
        if op is not None and op.path == path:
            text += "; the call above stands in it"
        yield "code", text
    left = len(code) - _MOST_ROWS
    if left > 0:
        yield "code", f"and {left} more files"


def _write_change(name: str, before: str, now: str) -> str:
    # A program's own changes hold an arrow already.
    if "->" in before + now:
        return f"{name}: {before}; now {now}"
    return f"{name}: {before} -> {now}"


def _write_advice(result: CheckResult) -> Iterator[str]:
    name = result.name
    changes = result.changes
    if not changes.is_any:
        yield f"reproaudit {name}    tells whether two runs are equal, and if not, why"
        return
    if changes.code or changes.settings:
        yield f"reproaudit {name}    tells whether it is still the same in each run"
        advice = "if this is wanted: reviewers see it in the lock's diff"
    else:
        advice = "keeps what this environment computes beside the others"
    yield f"reproaudit lock {name}    {advice}"


# -- JSON


def _make_entry_document(result: CheckResult) -> Document:
    where = None
    if result.where is not None:
        where = _make_where_document(result.where)
    shown = result.tensors[:_MOST_ROWS]
    return {
        "subject": result.name,
        "state": result.state.value,
        "why": result.why,
        "hint": result.hint,
        "compared": result.compared,
        "where": where,
        "differing": result.differing,
        "new": len(result.tensors) - result.differing,
        "renamed": [{"locked": name, "now": other} for name, other in result.renames],
        "first_differing": [_make_tensor_document(change) for change in shown],
        "changed": _make_changes_document(result.changes),
        "at_changed_file": result.is_at_changed_file,
    }


def _make_changes_document(changes: Changes) -> Document:
    return {
        "code": [{"path": path, "how": how} for path, how in changes.code],
        "settings": [_make_row_document(row) for row in changes.settings],
        "environment": [_make_row_document(row) for row in changes.environment],
    }


def _make_row_document(row: ValueChange) -> dict[str, str]:
    name, locked, now = row
    return {"name": name, "locked": locked, "now": now}


def _make_where_document(where: Where) -> Document:
    locked = where.locked[:_MOST_ROWS]
    now = where.now[:_MOST_ROWS]
    return {
        "kind": where.kind.value,
        "tensor": where.tensor,
        "locked": [_make_op_document(op) for op in locked],
        "now": [_make_op_document(op) for op in now],
    }


def _make_op_document(op: LockedOp) -> Document:
    return {
        "op": op.op,
        "phase": op.phase,
        "step": op.step,
        "module": op.module,
        "process": op.process,
        "location": {"path": op.path, "line": op.line} | ({"cell": op.cell} if op.cell else {}),
        "inputs": op.inputs,
        "outputs": op.outputs,
    }


def _make_tensor_document(change: TensorChange) -> Document:
    tensor = change.either
    locked = None
    if change.locked is not None:
        locked = _get_content(change.locked)
    now = None
    if change.now is not None:
        now = _get_content(change.now)
    return {
        "step": tensor.step,
        "kind": tensor.kind,
        "name": tensor.name,
        "locked": locked,
        "now": now,
    }
