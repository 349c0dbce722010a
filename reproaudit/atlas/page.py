"""The atlas as a page in Markdown, made from the document alone."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from reproaudit.atlas.cells import Status
from reproaudit.atlas.document import Document
from reproaudit.atlas.log import Record

_MOST_ROWS = 400  # of a table; the document holds all
_CATEGORIES = {
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
    table, counts, request = document["table"], document["counts"], document["request"]
    lines = [
        f"# The determinism atlas: {request['device'].upper()}",
        "",
        "Every operator of PyTorch's own `op_db`, forward and backward, called again and again on "
        "the same inputs: does it return the same bits, and does "
        "`torch.use_deterministic_algorithms(True)` say so where it does not?",
        "",
        *_environment(document),
        *_numbers(counts),
        *_method(request),
        *_accusations(
            "Observed, not declared",
            table["observed_not_declared"],
            "These differ on equal inputs, with the flag as well as without, and the flag raises "
            "nothing.",
        ),
        *_accusations(
            "Observed, and repaired by the flag without a word",
            table["observed_switched"],
            "These differ on equal inputs. Under the flag PyTorch takes another kernel, which "
            "repeats; without it, nothing warns.",
        ),
        *_accusations(
            "Declared and observed",
            table["declared_and_observed"],
            "These differ, and the flag makes them raise.",
        ),
        *_declared(table["declared_not_observed"]),
        *_apart(document["apart"]),
        *_unfinished(document["unfinished"]),
        *_unreached(document["ops"]),
    ]
    return "\n".join(lines) + "\n"


def _environment(document: Document) -> Iterator[str]:
    environment = document["environment"]
    yield from _table(("environment", ""), environment.items())
    yield ""


def _numbers(counts: Mapping[str, Any]) -> Iterator[str]:
    rows = counts["rows"]
    yield from _table(
        ("what", "number"),
        [
            ("ops", counts["ops"]),
            ("cells", counts["cells"]),
            ("calls that were repeated", counts["calls"]),
            *((f"cells: {name}", number) for name, number in counts["statuses"].items()),
            ("**op and phase: observed, not declared**", rows["observed_not_declared"]),
            (
                "op and phase: observed, repaired by the flag without a word",
                rows["observed_switched"],
            ),
            ("op and phase: declared and observed", rows["declared_and_observed"]),
            ("op and phase: declared, never observed", rows["declared_not_observed"]),
        ],
    )
    yield ""
    yield from _table(
        ("dtype", "ops compared", "of these enlarged"),
        [(dtype, row["compared"], row["enlarged"]) for dtype, row in counts["dtypes"].items()],
    )
    yield ""


def _method(request: Mapping[str, Any]) -> Iterator[str]:
    is_cuda = request["device"] == "cuda"
    contention = (
        "with a second stream busy"
        if is_cuda
        else "with four threads per core, compared among themselves"
    )
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


# -- the tables
# --------------------------------------------------------------------------------------------------------


def _accusations(title: str, rows: list[Record], text: str) -> Iterator[str]:
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
    yield from _table(head, [_accusation(row) for row in rows])
    yield from ("", "Each shown again:", "")
    for row in rows:
        yield from _shown(row)


def _accusation(row: Record) -> tuple[object, ...]:
    shown, difference = row["shown"], row["shown"]["difference"] or {}
    differing, made = shown["tallies"].get(shown["way"], (0, 0))
    distance = difference.get("max_abs")
    return (
        f"`{row['op']}`",
        row["phase"],
        ", ".join(row["dtypes"]),
        ", ".join(f"`{name}`" for name in row["aten"]) or "not found when repeated alone",
        f"{differing} of {made}, {shown['way']}",
        f"{difference['differing']:,} of {difference['elements']:,}" if difference else "",
        "" if distance is None else f"{distance:.3g}",
    )


def _shown(row: Record) -> Iterator[str]:
    shown = row["shown"]
    yield f"- `{row['op']}` {row['phase']}, `reproaudit atlas --cell {shown['cell']}`, sample {shown['call']}"
    if shown["given"]:
        yield f"  with `{shown['given']}`"
    if shown["program"]:
        counted = shown["reproduced"]
        said = (
            f"reproduced: {counted[0]} of {counted[1]} differ"
            if counted
            else "the program failed or took too long"
        )
        yield from (
            "",
            "  ```sh",
            f"  python -c {shlex.quote(shown['program'])}",
            "  ```",
            "",
            f"  {said}",
        )


def _declared(rows: list[Record]) -> Iterator[str]:
    yield from ("", "## Declared, never observed", "")
    if not rows:
        yield "None."
        return
    yield "The flag makes these raise, and no repetition differed here: risks, or alerts that are out of date."
    yield ""
    yield from _table(
        ("op", "phase", "what raises", "cells compared", "elements at most"),
        [
            (
                f"`{row['op']}`",
                row["phase"],
                ", ".join(row["alerts"]) or ", ".join(row["declared"]),
                row["cells"],
                row["elements"],
            )
            for row in rows
        ],
    )


def _apart(rows: list[Record]) -> Iterator[str]:
    for status, text in _CATEGORIES.items():
        found = [row["cell"].split("/") for row in rows if row["status"] == status]
        yield from ("", f"## Apart: {status}", "", f"{text} {len(found):,} cells.")
        if found:
            yield ""
            grouped: dict[tuple[str, str], list[str]] = {}
            for _, op, dtype, size, threads, phase in found:
                grouped.setdefault((op, phase), []).append(f"{dtype} {size} {threads}")
            yield from _table(
                ("op", "phase", "cells"),
                [(f"`{op}`", phase, _cut(cells)) for (op, phase), cells in sorted(grouped.items())],
            )


def _cut(cells: list[str]) -> str:
    return ", ".join(cells[:6]) + (f" and {len(cells) - 6} more" if len(cells) > 6 else "")


def _unfinished(rows: list[Record]) -> Iterator[str]:
    yield from ("", "## Crashed or timed out", "")
    if not rows:
        yield "None."
        return
    yield "The worker process died or was killed at these; the sweep went on without them."
    yield ""
    yield from _table(
        ("cell", "what", "why"), [(f"`{row['cell']}`", row["status"], row["why"]) for row in rows]
    )


def _unreached(ops: Mapping[str, Any]) -> Iterator[str]:
    """What could not be enlarged, by op: the last thing that the op said to larger operands."""
    missing, small = [], Counter[str]()
    for op, dtypes in sorted(ops.items()):
        kept = [
            (dtype, sizes["large"])
            for dtype, sizes in dtypes.items()
            if "large" in sizes
            and set(sizes["large"]["cells"].values()) == {Status.NOT_ENLARGED.value}
        ]
        if kept:
            small[op] = len(kept)
            missing.append(
                (
                    f"`{op}`",
                    ", ".join(dtype for dtype, _ in kept),
                    kept[0][1]["elements"],
                    kept[0][1].get("why", ""),
                )
            )
    yield from ("", "## Not enlarged", "")
    yield (
        f"{len(missing)} ops, of which at least one dtype was seen at op_db's own small sizes "
        "only: no scaling that was tried gave a call that the op accepts, or not in time. The "
        "elements are the most that a call reached."
    )
    yield ""
    yield from _table(("op", "dtypes", "elements", "why"), missing)
    yield from _without_calls(ops)


def _without_calls(ops: Mapping[str, Any]) -> Iterator[str]:
    refused = {Status.RAISES.value, Status.NO_SAMPLES.value}
    found = [
        (op, dtype, sizes["sample"].get("why", ""))
        for op, dtypes in sorted(ops.items())
        for dtype, sizes in dtypes.items()
        if "sample" in sizes and set(sizes["sample"]["cells"].values()) <= refused
    ]
    yield from ("", "## Not run", "")
    if not found:
        yield "None."
        return
    grouped = groupby(found, key=lambda row: row[0])
    yield from _table(
        ("op", "dtypes", "why"),
        [
            (f"`{op}`", ", ".join(row[1] for row in rows), rows[0][2])
            for op, group in grouped
            if (rows := list(group))
        ],
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    titles, shown = list(head), list(rows)
    yield _line(titles)
    yield _line(["---"] * len(titles))
    yield from (_line(row) for row in shown[:_MOST_ROWS])
    if len(shown) > _MOST_ROWS:
        yield from ("", f"And {len(shown) - _MOST_ROWS} more, in the JSON document.")


def _line(cells: Iterable[object]) -> str:
    return (
        "| "
        + " | ".join(
            f"{cell:,}" if type(cell) is int else str(cell).replace("|", "\\|") for cell in cells
        )
        + " |"
    )
