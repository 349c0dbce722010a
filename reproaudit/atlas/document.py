"""What a log says, as one document: every cell, and the table of observed against declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reproaudit.atlas.cells import (
    APART,
    COMPARED,
    FORMAT,
    Cell,
    Declared,
    Status,
    UnderFlag,
    parse_cell,
)
from reproaudit.atlas.log import Record

Document = dict[str, Any]
TABLES = (
    "observed_not_declared",
    "observed_switched",
    "declared_and_observed",
    "declared_not_observed",
)
_OBSERVED = Status.DIFFERS.value
_APART = frozenset(status.value for status in APART)
_COMPARED = frozenset(status.value for status in COMPARED)
_UNFINISHED = frozenset({Status.CRASHED.value, Status.TIMED_OUT.value})


def make_document(head: Mapping[str, Any], cells: Mapping[str, Record]) -> Document:
    """Return the document of a log with this head and these records of cells by name.

    It is a function of the log alone, and equal logs in any order give equal documents.
    """
    survey = _Survey()
    for name, record in sorted(cells.items()):
        survey.add(name, record)
    table = _make_table(survey.rows)
    counts = {
        "ops": len(survey.ops),
        "cells": len(cells),
        "calls": survey.calls,
        "statuses": dict(sorted(survey.statuses.items())),
        "rows": {name: len(rows) for name, rows in table.items()},
        "dtypes": _count_by_dtype(survey.ops),
    }
    return {
        "format": FORMAT,
        "environment": dict(head["environment"]),
        "request": dict(head["request"]),
        "counts": counts,
        "table": table,
        "apart": survey.apart,
        "unfinished": survey.unfinished,
        "ops": survey.ops,
    }


def settle_status(record: Record) -> str:
    """Return the status of a cell after its confirmation.

    An accusation that was not confirmed does not stand.
    """
    status = str(record["status"])
    is_confirmed = record.get("confirm", {}).get("again", False)
    if status == _OBSERVED and not is_confirmed:
        return Status.UNCONFIRMED.value
    return status


@dataclass
class OpInPhase:
    """An op in one phase over all its dtypes, sizes and thread counts."""

    op: str
    phase: str
    observed: dict[str, Record] = field(default_factory=dict)  # cells that differed, by name
    alerts: set[str] = field(default_factory=set)
    declared: set[str] = field(default_factory=set)
    compared: int = 0  # cells
    elements: int = 0  # of the largest tensor

    @property
    def declarations(self) -> list[str]:
        """What the flag does to the calls, sorted; empty if it does nothing."""
        return sorted(self.declared - {Declared.NOTHING.value})

    @property
    def table(self) -> str:
        """The table that it belongs to; "" for none.

        Where calls differed, what the same calls do under the flag decides.
        """
        if not self.observed:
            return "declared_not_observed" if self.declarations else ""
        under_flag = {record.get("under_flag") for record in self.observed.values()}
        if under_flag == {UnderFlag.RAISES.value}:
            return "declared_and_observed"
        if UnderFlag.DIFFERS.value in under_flag:
            return "observed_not_declared"
        return "observed_switched"


class _Survey:
    """Gathers the records of cells, one after the other."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], OpInPhase] = {}  # by op and phase
        self.ops: dict[str, Any] = {}  # op -> dtype -> size -> what the cells of one group share
        self.statuses: Counter[str] = Counter()
        self.calls = 0
        self.apart: list[Record] = []
        self.unfinished: list[Record] = []

    def add(self, name: str, record: Record) -> None:
        cell = parse_cell(name)
        status = settle_status(record)
        self.statuses[status] += 1
        self.calls += record.get("calls", 0)
        self._add_to_row(name, cell, record)
        self._add_to_op(cell, record)
        if status in _APART:
            shown = _select(record, ("way", "tallies", "difference", "call"))
            self.apart.append({"cell": name, "status": status, **shown})
        elif status in _UNFINISHED:
            self.unfinished.append({"cell": name, "status": status, "why": record["why"]})

    def _add_to_row(self, name: str, cell: Cell, record: Record) -> None:
        status = settle_status(record)
        row = self.rows.setdefault((cell.op, cell.phase), OpInPhase(cell.op, cell.phase))
        if status in _COMPARED:
            row.compared += 1
            row.elements = max(row.elements, record.get("elements", 0))
            row.declared.add(record.get("declared", Declared.NOTHING.value))
            row.alerts.update(record.get("alerts", ()))
        if status == _OBSERVED:
            row.observed[name] = record

    def _add_to_op(self, cell: Cell, record: Record) -> None:
        status = settle_status(record)
        dtypes = self.ops.setdefault(cell.op, {})
        sizes = dtypes.setdefault(cell.dtype, {})
        group = sizes.setdefault(cell.size, {"cells": {}})
        group["cells"][f"t{cell.threads}/{cell.phase}"] = status
        for count in ("elements", "calls", "samples"):
            group[count] = max(group.get(count, 0), record.get(count, 0))
        if "why" in record and status not in _COMPARED:
            group["why"] = record["why"]


def _select(record: Record, names: tuple[str, ...]) -> Record:
    return {name: record[name] for name in names if name in record}


def _count_by_dtype(ops: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Count the ops that were compared in each dtype, and those of them compared enlarged too."""
    found: dict[str, dict[str, int]] = {}
    for dtypes in ops.values():
        for dtype, sizes in dtypes.items():
            compared = _list_compared_sizes(sizes)
            row = found.setdefault(dtype, {"compared": 0, "enlarged": 0})
            row["compared"] += bool(compared)
            row["enlarged"] += "large" in compared
    return dict(sorted(found.items()))


def _list_compared_sizes(sizes: Mapping[str, Any]) -> list[str]:
    return [
        size for size, group in sizes.items() if not _COMPARED.isdisjoint(group["cells"].values())
    ]


def _make_table(rows: Mapping[tuple[str, str], OpInPhase]) -> dict[str, list[Record]]:
    table: dict[str, list[Record]] = {name: [] for name in TABLES}
    for _, row in sorted(rows.items()):
        if row.observed:
            table[row.table].append(_make_accusation(row))
        elif row.table:
            table[row.table].append(_make_declaration(row))
    return table


def _make_declaration(row: OpInPhase) -> Record:
    return {
        "op": row.op,
        "phase": row.phase,
        "declared": row.declarations,
        "alerts": sorted(row.alerts),
        "cells": row.compared,
        "elements": row.elements,
    }


def _make_accusation(row: OpInPhase) -> Record:
    """Return where a difference was seen, how often, and the lines that show it again."""
    confirmations = [record["confirm"] for record in row.observed.values()]
    culprits = {found["aten"] for found in confirmations if "aten" in found}
    dtypes = {parse_cell(name).dtype for name in row.observed}
    under_flag = {str(record.get("under_flag")) for record in row.observed.values()}
    return {
        "op": row.op,
        "phase": row.phase,
        "dtypes": sorted(dtypes),
        "cells": sorted(row.observed),
        "of_cells": row.compared,
        "alerts": sorted(row.alerts),
        "under_flag": sorted(under_flag),
        "aten": sorted(culprits),
        "shown": _choose_example(row),
    }


def _choose_example(row: OpInPhase) -> Record:
    """Return one cell to show: the first whose one-line program was run, else the first."""
    names = list(row.observed)
    reproduced = [name for name in names if "reproduced" in row.observed[name]]
    name = (reproduced or names)[0]
    record = row.observed[name]
    confirmation = record["confirm"]
    return {
        "cell": name,
        "call": record["call"],
        "given": record.get("given", ""),
        "way": confirmation["way"],
        "tallies": confirmation["tallies"],
        "difference": record["difference"],
        "replays": confirmation.get("replays"),
        "program": confirmation.get("program", ""),
        "reproduced": record.get("reproduced"),
    }
