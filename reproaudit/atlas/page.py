"""The atlas as a page in Markdown, made from the document alone."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reproaudit.atlas.cells import Cell, Status, parse_cell
from reproaudit.atlas.document import Document
from reproaudit.atlas.log import Record

_MOST_ROWS = 400  # of a table; the document holds all
_MOST_CELLS = 6  # named of one op and phase
_NOT_ENLARGED = frozenset({Status.NOT_ENLARGED.value})
_NOT_RUN = frozenset({Status.RAISES.value, Status.NO_SAMPLES.value})
_APART_TEXTS = {
    Status.UNDEFINED.value: "The result depends on what fresh memory held: the op returns or "
    "reads bytes that nobody wrote. Repetitions under one filling were equal.",
    Status.TIES.value: "Only indices differ, and they point at equal values.",
    Status.REPEATED.value: "An assignment that names one place several times: PyTorch's "
    "documentation leaves open which of the values stays.",
    Status.ADDRESS.value: "Copies of the operands give another result, the same memory does not.",
    Status.RANDOM.value: "Tagged as random by PyTorch, and it draws from no generator that could "
    "be put back.",
    Status.NAN_BITS.value: "Only sign or payload of NaN differ, which no arithmetic sees.",
    Status.UNCONFIRMED.value: "It differed in the sweep, and no more when it was looked at again "
    "in a fresh process.",
}


def render(document: Document) -> str:
    """Return the page."""
    table = document["table"]
    counts = document["counts"]
    request = document["request"]
    lines = [
        f"# The determinism atlas: {request['device'].upper()}",
        "",
        "Every operator of PyTorch's own `op_db`, forward and backward, called again and again on "
        "the same inputs: does it return the same bits, and does "
        "`torch.use_deterministic_algorithms(True)` say so where it does not?",
        "",
        *_render_environment(document),
        *_render_counts(counts),
        *_render_method(request),
        *_render_accusations(
            "Observed, not declared",
            table["observed_not_declared"],
            "These differ on equal inputs, with the flag as well as without, and the flag raises "
            "nothing.",
        ),
        *_render_accusations(
            "Observed, and repaired by the flag without a word",
            table["observed_switched"],
            "These differ on equal inputs. Under the flag PyTorch takes another kernel, which "
            "repeats; without it, nothing warns.",
        ),
        *_render_accusations(
            "Declared and observed",
            table["declared_and_observed"],
            "These differ, and the flag makes them raise.",
        ),
        *_render_declarations(table["declared_not_observed"]),
        *_render_apart(document["apart"]),
        *_render_unfinished(document["unfinished"]),
        *_render_not_enlarged(document["ops"]),
    ]
    return "\n".join(lines) + "\n"


def _render_environment(document: Document) -> Iterator[str]:
    environment = document["environment"]
    yield from _render_table(("environment", ""), environment.items())
    yield ""


def _render_counts(counts: Mapping[str, Any]) -> Iterator[str]:
    rows = counts["rows"]
    numbers = {
        "ops": counts["ops"],
        "cells": counts["cells"],
        "calls that were repeated": counts["calls"],
    }
    for status, number in counts["statuses"].items():
        numbers[f"cells: {status}"] = number
    numbers |= {
        "**op and phase: observed, not declared**": rows["observed_not_declared"],
        "op and phase: observed, repaired by the flag without a word": rows["observed_switched"],
        "op and phase: declared and observed": rows["declared_and_observed"],
        "op and phase: declared, never observed": rows["declared_not_observed"],
    }
    yield from _render_table(("what", "number"), numbers.items())
    yield ""
    lines = []
    for dtype, row in counts["dtypes"].items():
        lines.append((dtype, row["compared"], row["enlarged"]))
    yield from _render_table(("dtype", "ops compared", "of these enlarged"), lines)
    yield ""


def _render_method(request: Mapping[str, Any]) -> Iterator[str]:
    contention = "with four threads per core, compared among themselves"
    if request["device"] == "cuda":
        contention = "with a second stream busy"
    yield "## Method"
    yield ""
    yield (
        "A cell is an op, dtype, size, thread count and phase, such as "
        f"`cpu/gather/float32/large/t2/backward`; `reproaudit atlas --device {request['device']} "
        "--cell CELL` runs one. In each cell as many of op_db's samples as fit into the op's "
        f"time ({request['seconds']:g} s for all its cells) are called up to {request['repeats']} "
        f"times plainly and {request['repeats']} times {contention}; with one thread three times. "
        "Random states are put back before each call, operands are fresh copies, fresh memory is "
        "filled with one pattern. A backward pass is repeated on one graph with one cotangent, "
        "so that it is told from its forward pass; then with the graph built anew. Outputs and "
        "gradients are compared bit for bit. *Large* samples are op_db's own with some extents "
        "scaled until a tensor has about 262,144 elements, eight times the grain from which ATen "
        "uses a second thread; indices are repeated and so collide, other values are repeated "
        "with noise; the op itself says which scaling it accepts. In the workers threads that "
        "wait sleep (`OMP_WAIT_POLICY=PASSIVE`), and glibc's caches per thread are off, so that "
        "fresh memory can be filled."
    )
    yield ""
    yield (
        "What differs was looked at once more in a fresh process, where each operator inside of "
        "the call was repeated on its own inputs to name the one that differs. The one-line "
        "programs need torch alone; each was run in a fresh interpreter, and *reproduced* is what "
        "it printed. Not swept: `out=` and in-place forms, subclasses, compiled code. *Never "
        "observed* is no proof: a few repetitions cannot show what is rare."
    )


def _render_accusations(title: str, rows: list[Record], text: str) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    if not rows:
        yield "None."
        return
    yield from (text, "")
    head = (
        "op",
        "phase",
        "dtypes",
        "operator that differs",
        "differing of repetitions",
        "elements",
        "largest distance",
    )
    yield from _render_table(head, [_make_cells(row) for row in rows])
    yield from ("", "Each shown again:", "")
    for row in rows:
        yield from _render_example(row)


def _make_cells(row: Record) -> tuple[object, ...]:
    shown = row["shown"]
    way = shown["way"]
    differing, made = shown["tallies"].get(way, (0, 0))
    difference = shown["difference"]  # None where shapes or kinds differ
    elements = distance = ""
    if difference:
        elements = f"{difference['differing']:,} of {difference['elements']:,}"
        if difference["max_abs"] is not None:
            distance = f"{difference['max_abs']:.3g}"
    culprits = ", ".join(f"`{name}`" for name in row["aten"])
    return (
        f"`{row['op']}`",
        row["phase"],
        ", ".join(row["dtypes"]),
        culprits or "not found when repeated alone",
        f"{differing} of {made}, {way}",
        elements,
        distance,
    )


def _render_example(row: Record) -> Iterator[str]:
    shown = row["shown"]
    command = f"`reproaudit atlas --cell {shown['cell']}`"
    yield f"- `{row['op']}` {row['phase']}, {command}, sample {shown['call']}"
    if shown["given"]:
        yield f"  with `{shown['given']}`"
    if not shown["program"]:
        return
    yield from ("", "  ```sh", f"  python -c {shlex.quote(shown['program'])}", "  ```", "")
    if shown["reproduced"]:
        differing, made = shown["reproduced"]
        yield f"  reproduced: {differing} of {made} differ"
    else:
        yield "  the program failed or took too long"


def _render_declarations(rows: list[Record]) -> Iterator[str]:
    yield from ("", "## Declared, never observed", "")
    if not rows:
        yield "None."
        return
    yield (
        "The flag makes these raise, and no repetition differed here: risks, or alerts that are "
        "out of date."
    )
    yield ""
    cells = []
    for row in rows:
        alerts = ", ".join(row["alerts"]) or ", ".join(row["declared"])
        cells.append((f"`{row['op']}`", row["phase"], alerts, row["cells"], row["elements"]))
    head = ("op", "phase", "what raises", "cells compared", "elements at most")
    yield from _render_table(head, cells)


def _render_apart(rows: list[Record]) -> Iterator[str]:
    for status, text in _APART_TEXTS.items():
        cells = []
        for row in rows:
            if row["status"] == status:
                cells.append(parse_cell(row["cell"]))
        yield from ("", f"## Apart: {status}", "", f"{text} {len(cells):,} cells.")
        if cells:
            yield ""
            yield from _render_cells_by_op(cells)


def _render_cells_by_op(cells: list[Cell]) -> Iterator[str]:
    by_op: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        names = by_op.setdefault((cell.op, cell.phase), [])
        names.append(f"{cell.dtype} {cell.size} t{cell.threads}")
    lines = []
    for (op, phase), names in sorted(by_op.items()):
        lines.append((f"`{op}`", phase, _name_first(names)))
    yield from _render_table(("op", "phase", "cells"), lines)


def _name_first(names: list[str]) -> str:
    """Return the first few names in one line, and how many more there are."""
    shown = ", ".join(names[:_MOST_CELLS])
    rest = len(names) - _MOST_CELLS
    if rest > 0:
        return f"{shown} and {rest} more"
    return shown


def _render_unfinished(rows: list[Record]) -> Iterator[str]:
    yield from ("", "## Crashed or timed out", "")
    if not rows:
        yield "None."
        return
    yield "The worker process died or was killed at these; the sweep went on without them."
    yield ""
    lines = []
    for row in rows:
        lines.append((f"`{row['cell']}`", row["status"], row["why"]))
    yield from _render_table(("cell", "what", "why"), lines)


def _render_not_enlarged(ops: Mapping[str, Any]) -> Iterator[str]:
    """Yield what could not be enlarged, with the last thing that the op said to larger operands."""
    missing = []
    for op, dtypes in sorted(ops.items()):
        groups = _select_groups(dtypes, "large", _NOT_ENLARGED)
        if not groups:
            continue
        group, *_ = groups.values()
        why = group.get("why", "")
        missing.append((f"`{op}`", ", ".join(groups), group["elements"], why))
    yield from ("", "## Not enlarged", "")
    yield (
        f"{len(missing)} ops, of which at least one dtype was seen at op_db's own small sizes "
        "only: no scaling that was tried gave a call that the op accepts, or not in time. The "
        "elements are the most that a call reached."
    )
    yield ""
    yield from _render_table(("op", "dtypes", "elements", "why"), missing)
    yield from _render_not_run(ops)


def _render_not_run(ops: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ops of which no call could be made, with the reason of the first dtype."""
    refused = []
    for op, dtypes in sorted(ops.items()):
        groups = _select_groups(dtypes, "sample", _NOT_RUN)
        if not groups:
            continue
        group, *_ = groups.values()
        why = group.get("why", "")
        refused.append((f"`{op}`", ", ".join(groups), why))
    yield from ("", "## Not run", "")
    if not refused:
        yield "None."
        return
    yield from _render_table(("op", "dtypes", "why"), refused)


def _select_groups(
    dtypes: Mapping[str, Any], size: str, statuses: frozenset[str]
) -> dict[str, Record]:
    """Return the groups of this size by dtype, of which all cells have one of the statuses."""
    found = {}
    for dtype, sizes in dtypes.items():
        group = sizes.get(size)
        if group is None:
            continue
        if statuses.issuperset(group["cells"].values()):
            found[dtype] = group
    return found


def _render_table(head: Sequence[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    lines = list(rows)
    yield _render_row(head)
    yield _render_row(["---"] * len(head))
    for line in lines[:_MOST_ROWS]:
        yield _render_row(line)
    rest = len(lines) - _MOST_ROWS
    if rest > 0:
        yield ""
        yield f"And {rest} more, in the JSON document."


def _render_row(cells: Iterable[object]) -> str:
    texts = [_render_cell(cell) for cell in cells]
    return f"| {' | '.join(texts)} |"


def _render_cell(cell: object) -> str:
    if type(cell) is int:
        return f"{cell:,}"
    return str(cell).replace("|", "\\|")  # a bar would end the cell
