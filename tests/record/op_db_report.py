"""What a sweep over op_db found, as a document and as a readable page made from that document
alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

FORMAT = 1


@dataclass
class Sweep:
    """What a sweep has found so far. A label is an op, a dtype and a form."""

    ops: dict[str, dict[str, int]] = field(default_factory=dict)  # op -> dtype -> samples
    not_run: list[tuple[str, str]] = field(default_factory=list)  # what, why
    silent: list[str] = field(
        default_factory=list
    )  # ops none of whose calls dispatched an operator
    counts: Counter[str] = field(default_factory=Counter)
    raised: Counter[tuple[str, str]] = field(
        default_factory=Counter
    )  # label, exception -> calls that raise, plainly too
    unstable: Counter[tuple[str, str]] = field(
        default_factory=Counter
    )  # label, what two plain runs differ in -> calls
    by_any_mode: Counter[tuple[str, str]] = field(
        default_factory=Counter
    )  # label, what it changes -> calls
    failures: list[tuple[str, str]] = field(default_factory=list)  # call, what the recorder changed
    false_alarms: list[tuple[str, str]] = field(
        default_factory=list
    )  # call, operator whose digests differ
    reads_undefined: dict[str, set[str]] = field(
        default_factory=dict
    )  # label -> operators that are said to
    alerts: dict[str, set[str]] = field(default_factory=dict)  # op -> operators that alert

    def document(self) -> dict[str, Any]:
        """Return everything as JSON data, in an order of its own."""
        return {
            "format": FORMAT,
            "torch": torch.__version__,
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "threads": torch.get_num_threads(),
            "ops": len(self.ops),
            "samples": sum(sum(dtypes.values()) for dtypes in self.ops.values()),
            "dtypes": self._dtypes(),
            "counts": dict(sorted(self.counts.items())),
            "failures": sorted(self.failures),
            "false_alarms": sorted(self.false_alarms),
            "changed_by_any_dispatch_mode": _rows(self.by_any_mode),
            "unstable": _rows(self.unstable),
            "reads_undefined": {
                label: sorted(names) for label, names in sorted(self.reads_undefined.items())
            },
            "raises": _rows(self.raised),
            "alerts": {op: sorted(names) for op, names in sorted(self.alerts.items())},
            "recorded_nothing": sorted(self.silent),
            "not_run": sorted(self.not_run),
            "samples_by_op": dict(sorted(self.ops.items())),
        }

    def _dtypes(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for dtypes in self.ops.values():
            for dtype, samples in dtypes.items():
                row = found.setdefault(dtype, {"ops": 0, "samples": 0})
                row["ops"] += 1
                row["samples"] += samples
        return dict(sorted(found.items()))


def _rows(counter: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"call": label, "what": what, "calls": calls}
        for (label, what), calls in sorted(counter.items())
    ]


def render(document: dict[str, Any]) -> str:
    """Return the page in Markdown."""
    counts = document["counts"]
    lines = [
        "# Recording PyTorch's own op_db",
        "",
        f"torch {document['torch']}, CPU ({document['cpu_capability']}), "
        f"{document['threads']} thread. "
        "Each call was run plainly twice, under the recorder with digests twice, and under the "
        "recorder in alert mode. Freed and fresh memory was filled with another byte each time, so "
        "that what nobody wrote shows. Compared to the bit: outputs, operands afterwards, "
        "gradients, random states; also warnings, exceptions, strides, version counters.",
        "",
        *_table(
            ("what", "number"),
            [
                ("ops", document["ops"]),
                ("samples", document["samples"]),
                *((name, number) for name, number in counts.items()),
                ("**results changed by the recorder**", len(document["failures"])),
                ("**recordings of equal runs that differ**", len(document["false_alarms"])),
            ],
        ),
        "",
        *_table(
            ("dtype", "ops", "samples"),
            [(name, *row.values()) for name, row in document["dtypes"].items()],
        ),
        *_section("Changed by the recorder", document["failures"], ("call", "what")),
        *_section(
            "Recordings of equal runs that differ",
            document["false_alarms"],
            ("call", "first operator"),
        ),
        *_section(
            "Computed in another way by PyTorch under any dispatch mode",
            _cells(document["changed_by_any_dispatch_mode"]),
            ("call", "what differs", "calls"),
            "An empty dispatch mode has the same effect to the bit: PyTorch chooses another "
            "formula when one is "
            "active. The verdict of an audit rests on runs without a dispatch mode.",
        ),
        *_section(
            "Excluded, because two plain runs differ",
            _cells(document["unstable"]),
            ("call", "in what", "calls"),
            "The other parts of these calls were compared.",
        ),
        *_section(
            "Operators recorded as reading undefined memory",
            [(label, ", ".join(names)) for label, names in document["reads_undefined"].items()],
            ("call", "operators"),
        ),
        *_section(
            "Operators that alert on the CPU",
            [(op, ", ".join(names)) for op, names in document["alerts"].items()],
            ("op", "operators"),
        ),
        *_section(
            "Calls that raise, plainly too",
            _cells(document["raises"]),
            ("call", "exception", "calls"),
            "The exception under the recorder has the same type and text.",
        ),
        *_section(
            "Ops that dispatch no operator",
            [(name,) for name in document["recorded_nothing"]],
            ("op",),
        ),
        *_section("Not run", document["not_run"], ("op", "why")),
    ]
    return "\n".join(lines) + "\n"


def _section(title: str, rows: list[Any], head: tuple[str, ...], text: str = "") -> list[str]:
    lines = ["", f"## {title}", ""]
    if not rows:
        return [*lines, "None."]
    return [*lines, *([text, ""] if text else []), *_table(head, rows)]


def _cells(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows]


def _table(head: tuple[str, ...], rows: Iterable[Iterable[Any]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [
        "| " + " | ".join(f"{cell:,}" if type(cell) is int else str(cell) for cell in row) + " |"
        for row in lines
    ]
