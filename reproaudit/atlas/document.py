"""What a log says, as one document: every cell, and the table of observed against declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reproaudit.atlas.cells import APART, COMPARED, FORMAT, Declared, Status, UnderFlag, parse_cell
from reproaudit.atlas.log import Record

Document = dict[str, Any]
_OBSERVED = Status.DIFFERS.value
_APART = frozenset(status.value for status in APART)
_COMPARED = frozenset(status.value for status in COMPARED)


@dataclass
class Row:
    """An op in one phase over all its dtypes, sizes and thread counts."""

    op: str
    phase: str
    observed: dict[str, Record] = field(default_factory=dict)
    alerts: set[str] = field(default_factory=set)
    declared: set[str] = field(default_factory=set)
    compared: int = 0
    elements: int = 0

    @property
    def is_declared(self) -> bool:
        return bool(self.declared - {Declared.NOTHING.value})

    @property
    def kind(self) -> str:
        """The table that it belongs to; "" for none. Of calls that differed, what the same calls do
        under the flag."""
        if not self.observed:
            return "declared_not_observed" if self.is_declared else ""
        said = {record.get("under_flag") for record in self.observed.values()}
        if said == {UnderFlag.RAISES.value}:
            return "declared_and_observed"
        return "observed_not_declared" if UnderFlag.DIFFERS.value in said else "observed_switched"


def settled(record: Record) -> str:
    """Return the status of a cell after its confirmation: an accusation that was not confirmed does
    not stand."""
    if record["status"] == _OBSERVED and not record.get("confirm", {}).get("again", False):
        return Status.UNCONFIRMED.value
    return str(record["status"])


def tabulate(head: Mapping[str, Any], cells: Mapping[str, Record]) -> Document:
    """Return the document. It is a function of the log alone, and equal logs in any order give
    equal documents."""
    rows: dict[tuple[str, str], Row] = {}
    ops: dict[str, Any] = {}
    statuses: Counter[str] = Counter()
    calls = 0
    apart, unfinished = [], []
    for name, record in sorted(cells.items()):
        cell, status = parse_cell(name), settled(record)
        statuses[status] += 1
        calls += record.get("calls", 0)
        row = rows.setdefault((cell.op, cell.phase), Row(cell.op, cell.phase))
        if status in _COMPARED:
            row.compared += 1
            row.elements = max(row.elements, record.get("elements", 0))
            row.declared.add(record.get("declared", Declared.NOTHING.value))
            row.alerts.update(record.get("alerts", ()))
        if status == _OBSERVED:
            row.observed[name] = record
        elif status in _APART:
            apart.append(
                {
                    "cell": name,
                    "status": status,
                    **_only(record, "way", "tallies", "difference", "call"),
                }
            )
        elif status in (Status.CRASHED.value, Status.TIMED_OUT.value):
            unfinished.append({"cell": name, "status": status, "why": record["why"]})
        entry = (
            ops.setdefault(cell.op, {})
            .setdefault(cell.dtype, {})
            .setdefault(cell.size, {"cells": {}})
        )
        entry["cells"][f"t{cell.threads}/{cell.phase}"] = status
        entry["elements"] = max(entry.get("elements", 0), record.get("elements", 0))
        entry["calls"] = max(entry.get("calls", 0), record.get("calls", 0))
        entry["samples"] = max(entry.get("samples", 0), record.get("samples", 0))
        if "why" in record and status not in _COMPARED:
            entry["why"] = record["why"]
    table = _table(rows)
    return {
        "format": FORMAT,
        "environment": dict(head["environment"]),
        "request": dict(head["request"]),
        "counts": {
            "ops": len(ops),
            "cells": len(cells),
            "calls": calls,
            "statuses": dict(sorted(statuses.items())),
            "rows": {name: len(found) for name, found in table.items()},
            "dtypes": _by_dtype(ops),
        },
        "table": table,
        "apart": apart,
        "unfinished": unfinished,
        "ops": ops,
    }


def _by_dtype(ops: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Count the ops that were compared in each dtype, and of these the ones that were compared
    enlarged too."""
    found: dict[str, dict[str, int]] = {}
    for dtypes in ops.values():
        for dtype, sizes in dtypes.items():
            reached = {
                size
                for size, entry in sizes.items()
                if _COMPARED.intersection(entry["cells"].values())
            }
            row = found.setdefault(dtype, {"compared": 0, "enlarged": 0})
            row["compared"] += bool(reached)
            row["enlarged"] += "large" in reached
    return dict(sorted(found.items()))


def _only(record: Record, *names: str) -> Record:
    return {name: record[name] for name in names if name in record}


def _table(rows: Mapping[tuple[str, str], Row]) -> dict[str, list[Record]]:
    table: dict[str, list[Record]] = {
        "observed_not_declared": [],
        "observed_switched": [],
        "declared_and_observed": [],
        "declared_not_observed": [],
    }
    for _, row in sorted(rows.items()):
        if row.observed:
            table[row.kind].append(_observed(row))
        elif row.kind:
            table[row.kind].append(
                {
                    "op": row.op,
                    "phase": row.phase,
                    "declared": sorted(row.declared - {Declared.NOTHING.value}),
                    "alerts": sorted(row.alerts),
                    "cells": row.compared,
                    "elements": row.elements,
                }
            )
    return table


def _observed(row: Row) -> Record:
    """Return an accusation: where it was seen, how often, and the lines that show it again."""
    shown_name = next(
        (name for name, record in row.observed.items() if "reproduced" in record),
        next(iter(row.observed)),
    )
    shown = row.observed[shown_name]
    again = shown["confirm"]
    return {
        "op": row.op,
        "phase": row.phase,
        "dtypes": sorted({parse_cell(name).dtype for name in row.observed}),
        "cells": sorted(row.observed),
        "of_cells": row.compared,
        "alerts": sorted(row.alerts),
        "under_flag": sorted({str(record.get("under_flag")) for record in row.observed.values()}),
        "aten": sorted(
            {
                record["confirm"]["aten"]
                for record in row.observed.values()
                if "aten" in record["confirm"]
            }
        ),
        "shown": {
            "cell": shown_name,
            "call": shown["call"],
            "given": shown.get("given", ""),
            "way": again["way"],
            "tallies": again["tallies"],
            "difference": shown["difference"],
            "replays": again.get("replays"),
            "program": again.get("program", ""),
            "reproduced": shown.get("reproduced"),
        },
    }
