"""What `reproaudit check` says of an entry: lines for people, and the same facts for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reproaudit.lock.check import CheckResult, State, TensorChange, Where, WhereKind
from reproaudit.lock.model import LockedOp, LockedTensor
from reproaudit.report.layout import make_rows

JSON_SCHEMA = 1
_MOST_ROWS = 5  # of differing tensors, operators and files
_WHAT = {
    WhereKind.RESULT: "another result for the same inputs",
    WhereKind.OUTSIDE: "other content came in from outside PyTorch: NumPy, a list, a file",
    WhereKind.RANDOM: "drawn from a generator in another state: another seed, or other draws "
    "before",
    WhereKind.ARGUMENT: "another argument, such as a hyper-parameter: every result before it is "
    "the locked one",
    WhereKind.OPERATORS: "operators that only one side has",
    WhereKind.TENSOR: "a tensor; no operator that the lock holds differs",
}


def to_lines(result: CheckResult, lock_name: str) -> list[str]:
    """Return the lines about one entry, without a trailing newline."""
    if result.state is State.NOT_COMPARABLE:
        hint = [f"  hint: {result.hint}".rstrip()] if result.hint else []
        return [f"not comparable here: {result.name}: {result.why}", *hint]
    if result.state is State.EQUAL:
        though = list(_though(result))
        rows = make_rows(list(_changed_rows(result)))
        otherwise = ", though not run as it was locked" if though or rows else ""
        return [
            f"equal{otherwise}: {result.name} computes what {lock_name} holds: "
            f"{result.compared} tensors",
            *(f"  {line}" for line in (*rows, *though)),
        ]
    where = result.where
    assert where is not None
    return [
        f"differs: {result.name} no longer computes what {lock_name} holds; "
        f"{_headline(where, result)}",
        "",
        "First where",
        *(f"  {line}" for line in _where_lines(where, result)),
        "",
        "What differs",
        *(f"  {line}" for line in _tensor_lines(result)),
        "",
        "What changed",
        *(f"  {line}" for line in _cause_lines(result)),
        "",
        "Next",
        *(f"  {line}" for line in _next(result)),
    ]


def to_document(results: Sequence[CheckResult], lock_name: str, exit_code: int) -> dict[str, Any]:
    """Return the outcome as JSON can hold it: `schema` rises with every change that a reader could
    trip over."""
    return {
        "schema": JSON_SCHEMA,
        "lock": lock_name,
        "exit_code": exit_code,
        "entries": [_document(result) for result in results],
    }


# -- lines


def _headline(where: Where, result: CheckResult) -> str:
    op = where.first
    if op is None:
        return f"first at the {where.tensor} of step {result.tensors[0].either.step}"
    return f"first at {_op_name(op)}, {op.place} ({_when(op)})"


def _when(op: LockedOp) -> str:
    return f"step {op.step}, {op.phase}" + (f", process {op.process}" if op.process else "")


def _op_name(op: LockedOp) -> str:
    return op.op.removesuffix(".default")


def _where_lines(where: Where, result: CheckResult) -> Iterator[str]:
    rows = [("what", _WHAT[where.kind])]
    if where.first is None:
        rows.append(("tensor", where.tensor))
        rows.append(
            ("lock", "holds fewer operators than the program runs; --ops keeps more")
            if result.is_cut
            else ("", "")
        )
    elif where.kind is WhereKind.OPERATORS:
        rows += _op_rows("only locked", where.locked)
        rows += _op_rows("only now", where.now)
    else:
        op, before = where.now[0], where.locked[0]
        moved = f" (locked at {before.place})" if before.place != op.place else ""
        rows += [
            ("operator", _op_name(op)),
            ("line", op.place + moved),
            ("when", _when(op)),
            *([("module", op.module)] if op.module else []),
            ("locked", f"{before.inputs} -> {before.outputs}"),
            ("now", f"{op.inputs} -> {op.outputs}"),
        ]
    yield from make_rows([row for row in rows if row[0]])


def _op_rows(label: str, operators: Sequence[LockedOp]) -> Iterator[tuple[str, str]]:
    for op in operators[:_MOST_ROWS]:
        module = f"  in {op.module}" if op.module else ""
        yield label, f"{_op_name(op)}  {op.place}{module}  {_when(op)}"
    if len(operators) > _MOST_ROWS:
        yield label, f"and {len(operators) - _MOST_ROWS} more"


def _tensor_lines(result: CheckResult) -> Iterator[str]:
    steps = sorted({change.either.step for change in result.tensors})
    span = f"step {steps[0]}" if len(steps) == 1 else f"steps {steps[0]} to {steps[-1]}"
    yield f"{len(result.tensors)} of {result.compared} tensors, in {span}"
    losses = [change for change in result.tensors if change.either.kind == "loss"]
    others = [change for change in result.tensors if change.either.kind != "loss"]
    chosen = (*losses[:_MOST_ROWS], *others[:_MOST_ROWS])
    yield from make_rows([_tensor_row(change) for change in chosen])
    left = len(result.tensors) - len(chosen)
    if left:
        yield f"and {left} more"


def _tensor_row(change: TensorChange) -> tuple[str, ...]:
    row, sides = change.either, (change.locked, change.now)
    same = len({side.tensor for side in sides if side is not None}) == 1
    locked, now = (_shown(side, with_tensor=not same) for side in sides)
    return (
        f"step {row.step}",
        row.kind,
        row.name,
        row.tensor if same else "",
        f"locked {locked}",
        f"now {now}",
    )


def _shown(tensor: LockedTensor | None, *, with_tensor: bool) -> str:
    if tensor is None:
        return "nothing"
    content = tensor.value or tensor.digest
    return f"{tensor.tensor} {content}" if with_tensor else content


def _cause_lines(result: CheckResult) -> Iterator[str]:
    if not result.changes.is_any:
        yield "nothing that is recorded: if it is not the data, the program is not reproducible"
        return
    yield from make_rows(list(_changed_rows(result)))


def _changed_rows(result: CheckResult) -> Iterator[tuple[str, str]]:
    op = result.where.first if result.where is not None else None
    for path, how in result.changes.code[:_MOST_ROWS]:
        yield (
            "code",
            f"{path} {how}"
            + ("; the call above stands in it" if op is not None and op.path == path else ""),
        )
    if len(result.changes.code) > _MOST_ROWS:
        yield "code", f"and {len(result.changes.code) - _MOST_ROWS} more files"
    for label, rows in (
        ("settings", result.changes.settings),
        ("environment", result.changes.environment),
    ):
        for name, before, now in rows:
            yield (
                label,
                f"{name}: {before} -> {now}"
                if "->" not in before + now
                else f"{name}: {before}; now {now}",
            )


def _though(result: CheckResult) -> Iterator[str]:
    if result.operators_differ:
        yield "operators    not all are the locked ones, without consequence for any tensor"


def _next(result: CheckResult) -> Iterator[str]:
    changes = result.changes
    if not changes.is_any:
        yield f"reproaudit {result.name}    tells whether two runs are equal, and if not, why"
    elif changes.code or changes.settings:
        yield f"reproaudit {result.name}    tells whether it is still the same in each run"
        advice = "if this is wanted: reviewers see it in the lock's diff"
        yield f"reproaudit lock {result.name}    {advice}"
    else:
        advice = "keeps what this environment computes beside the others"
        yield f"reproaudit lock {result.name}    {advice}"


# -- JSON


def _document(result: CheckResult) -> dict[str, Any]:
    changes = result.changes
    return {
        "subject": result.name,
        "state": result.state.value,
        "why": result.why,
        "hint": result.hint,
        "compared": result.compared,
        "where": None if result.where is None else _where_document(result.where),
        "differing": len(result.tensors),
        "first_differing": [_change_document(change) for change in result.tensors[:_MOST_ROWS]],
        "changed": {
            "code": [{"path": path, "how": how} for path, how in changes.code],
            "settings": [_row_document(row) for row in changes.settings],
            "environment": [_row_document(row) for row in changes.environment],
        },
        "at_changed_file": result.is_at_changed_file,
    }


def _row_document(row: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(("name", "locked", "now"), row, strict=True))


def _where_document(where: Where) -> dict[str, Any]:
    return {
        "kind": where.kind.value,
        "tensor": where.tensor,
        "locked": [_op_document(op) for op in where.locked[:_MOST_ROWS]],
        "now": [_op_document(op) for op in where.now[:_MOST_ROWS]],
    }


def _op_document(op: LockedOp) -> dict[str, Any]:
    return {
        "op": op.op,
        "phase": op.phase,
        "step": op.step,
        "module": op.module,
        "process": op.process,
        "location": {"path": op.path, "line": op.line},
        "inputs": op.inputs,
        "outputs": op.outputs,
    }


def _change_document(change: TensorChange) -> dict[str, Any]:
    row = change.either
    return {
        "step": row.step,
        "kind": row.kind,
        "name": row.name,
        "locked": None if change.locked is None else change.locked.value or change.locked.digest,
        "now": None if change.now is None else change.now.value or change.now.digest,
    }
