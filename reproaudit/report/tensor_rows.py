"""Owns the rows of the table of tensors that differ, for a screen."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.model.result import AuditResult, TensorDivergence
from reproaudit.report.blocks import Block, Cut, list_rows
from reproaudit.report.layout import Column, name_column, number_column, prose_column
from reproaudit.report.wording import (
    is_after_last_step,
    name_far,
    name_kind,
    name_oddities,
    show_name,
    show_prose,
    show_real,
    show_whole,
    word_remark,
)

TENSOR_COLUMNS = (
    Column("kind"),
    name_column("name"),
    number_column("step"),
    Column("runs"),
    number_column("differing/elements"),
    number_column("max ULP"),
    number_column("max abs"),
    prose_column("note"),
)


def name_pair(divergences: Sequence[TensorDivergence]) -> str:
    """Name the two runs that the table compares.

    Empty if there are several pairs, which then need a column.
    """
    pairs = {divergence.runs for divergence in divergences}
    if len(pairs) != 1:
        return ""
    ((first, second),) = pairs
    return f" between runs {first} and {second}"


def list_tensors(result: AuditResult, *, max_rows: int) -> list[Block]:
    """Return the table of where each tensor first differs, and how many rows it leaves out."""
    has_pairs = not name_pair(result.divergences)
    # What differs once mostly differs at each later step: that would be the same rows again.
    first = leave_out_repeats(result.divergences)
    rows = []
    for divergence in first[:max_rows]:
        rows.append(make_tensor_row(divergence, with_runs=has_pairs, steps=result.end_step))
    blocks = list_rows(TENSOR_COLUMNS, rows, total=len(first))
    # A result keeps only the first of many divergences; the total counts them all.
    kept = len(result.divergences)
    total = max(result.divergences_total, kept)
    return blocks + list(map(Cut, _count_later(total - len(first), kept - len(first))))


def _count_later(later: int, in_json: int) -> list[str]:
    """Say how many differences were left out, and how many of them the JSON report has."""
    if later <= 0:
        return []
    said = f"… and {later:,} more, later in the runs"
    if in_json == later:
        return [f"{said} (all in the JSON report)"]
    if in_json:
        return [f"{said} ({in_json:,} in the JSON report)"]
    return [said]


def leave_out_repeats(divergences: Sequence[TensorDivergence]) -> list[TensorDivergence]:
    """Return where each tensor first differs, and where it first differs in another way."""
    told: set[tuple[object, ...]] = set()
    first: list[TensorDivergence] = []
    for row in divergences:
        key = (row.runs, row.kind, row.name, row.occurrence, word_remark(row))
        if key not in told:
            told.add(key)
            first.append(row)
    return first


def make_tensor_row(
    divergence: TensorDivergence, *, with_runs: bool, steps: int = 0
) -> tuple[str, ...]:
    """Return the cells of one tensor; that of the runs is empty unless `with_runs`.

    What came after the last of the run's `steps` has `end` in place of a step.
    """
    first, second = divergence.runs
    kind = name_kind(divergence.kind)
    name = show_name(divergence.name)
    if divergence.occurrence > 1:
        name += f", call {divergence.occurrence}"
    step = str(divergence.step)
    if is_after_last_step(divergence.step, steps):
        step = "end"
    runs = f"{first}, {second}" if with_runs else ""
    remark = show_prose(word_remark(divergence))
    found = divergence.difference
    # No values to compare: the remark says why.
    if found is None:
        return (kind, name, step, runs, "", "", "", remark)
    remarks = [remark] if remark else []
    remarks += name_oddities(found)
    if found.within_tolerance:
        remarks.append("within tolerance")
    differing = f"{show_whole(found.differing)}/{show_whole(found.elements)}"
    max_ulp = name_far(found) or show_whole(found.max_ulp)
    max_abs = show_real(found.max_abs)
    note = ", ".join(remarks)
    return (kind, name, step, runs, differing, max_ulp, max_abs, note)
