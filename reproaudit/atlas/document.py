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
    statuses = sorted(survey.statuses.items())
    rows = {name: len(found) for name, found in table.items()}
    counts = {
        "ops": len(survey.ops),
        "cells": len(cells),
        "calls": survey.calls,
        "statuses": dict(statuses),
        "rows": rows,
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
    if status != _OBSERVED:
        return status
    confirmation = record.get("confirm", {})
    if confirmation.get("again", False):
        return status
    return Status.UNCONFIRMED.value


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
        declared = self.declared - {Declared.NOTHING.value}
        return sorted(declared)

    @property
    def table(self) -> str:
        """The table that it belongs to; "" for none.

        Where calls differed, what the same calls do under the flag decides.
        """
        if not self.observed and self.declarations:
            return "declared_not_observed"
        if not self.observed:
            return ""
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
        shown: Record = {"cell": name, "status": status}
        if status in _APART:
            for fact in ("way", "tallies", "difference", "call"):
                if fact in record:
                    shown[fact] = record[fact]
            self.apart.append(shown)
        elif status in _UNFINISHED:
            shown["why"] = record["why"]
            self.unfinished.append(shown)

    def _add_to_row(self, name: str, cell: Cell, record: Record) -> None:
        status = settle_status(record)
        row = self._find_row(cell)
        if status in _COMPARED:
            elements = record.get("elements", 0)
            row.compared += 1
            row.elements = max(row.elements, elements)
            declared = record.get("declared", Declared.NOTHING.value)
            row.declared.add(declared)
            alerts = record.get("alerts", ())
            row.alerts.update(alerts)
        if status == _OBSERVED:
            row.observed[name] = record

    def _find_row(self, cell: Cell) -> OpInPhase:
        key = (cell.op, cell.phase)
        if key not in self.rows:
            self.rows[key] = OpInPhase(cell.op, cell.phase)
        return self.rows[key]

    def _add_to_op(self, cell: Cell, record: Record) -> None:
        status = settle_status(record)
        dtypes = self.ops.setdefault(cell.op, {})
        sizes = dtypes.setdefault(cell.dtype, {})
        group = sizes.setdefault(cell.size, {"cells": {}})
        group["cells"][f"t{cell.threads}/{cell.phase}"] = status
        for count in ("elements", "calls", "samples"):
            before = group.get(count, 0)
            group[count] = max(before, record.get(count, 0))
        if "why" in record and status not in _COMPARED:
            group["why"] = record["why"]


def _count_by_dtype(ops: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Count the ops that were compared in each dtype, and those of them compared enlarged too."""
    found: dict[str, dict[str, int]] = {}
    for dtypes in ops.values():
        for dtype, sizes in dtypes.items():
            counts = found.setdefault(dtype, {"compared": 0, "enlarged": 0})
            compared = _list_compared_sizes(sizes)
            if compared:
                counts["compared"] += 1
            if "large" in compared:
                counts["enlarged"] += 1
    by_name = sorted(found.items())
    return dict(by_name)


def _list_compared_sizes(sizes: Mapping[str, Any]) -> list[str]:
    """Return the sizes of which at least one cell was compared."""
    compared = []
    for size, group in sizes.items():
        statuses = group["cells"].values()
        if not _COMPARED.isdisjoint(statuses):
            compared.append(size)
    return compared


def _make_table(rows: Mapping[tuple[str, str], OpInPhase]) -> dict[str, list[Record]]:
    table: dict[str, list[Record]] = {name: [] for name in TABLES}
    for key in sorted(rows):
        row = rows[key]
        if row.observed:
            entry = _make_accusation(row)
            table[row.table].append(entry)
        elif row.table:
            entry = _make_declaration(row)
            table[row.table].append(entry)
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
    name = names[0]
    for candidate in names:
        if "reproduced" in row.observed[candidate]:
            name = candidate
            break
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
