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


def name_pair(result: AuditResult) -> str:
    """Name the two runs that the table compares.

    Empty if there are several pairs, which then need a column.
    """
    pairs = {divergence.runs for divergence in result.divergences}
    if len(pairs) != 1:
        return ""
    conditions = name_conditions(result)
    (pair,) = pairs
    names = [f"{run} ({conditions[run]})" if conditions.get(run) else str(run) for run in pair]
    return f" between runs {' and '.join(names)}"


def name_conditions(result: AuditResult) -> dict[int, str]:
    """Return what each run was made under, where that is what tells runs apart."""
    return {run.index: show_name(run.condition) for run in result.runs if run.condition}


def list_tensors(result: AuditResult, *, max_rows: int) -> list[Block]:
    """Return the table of where each tensor first differs, and how many rows it leaves out."""
    has_pairs = not name_pair(result)
    conditions = name_conditions(result)
    # What differs once mostly differs at each later step: that would be the same rows again.
    first = leave_out_repeats(result.divergences)
    rows = []
    for divergence in first[:max_rows]:
        # The first run is what all that were made under a condition are compared with.
        runs = conditions.get(divergence.runs[1], ", ".join(map(str, divergence.runs)))
        runs = runs if has_pairs else ""
        rows.append(make_tensor_row(divergence, runs=runs, steps=result.end_step))
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
    divergence: TensorDivergence, *, runs: str = "", steps: int = 0
) -> tuple[str, ...]:
    """Return the cells of one tensor. `runs` names the pair where there are several.

    What came after the last of the run's `steps` has `end` in place of a step.
    """
    kind = name_kind(divergence.kind)
    name = show_name(divergence.name)
    if divergence.occurrence > 1:
        name += f", call {divergence.occurrence}"
    step = str(divergence.step)
    if is_after_last_step(divergence.step, steps):
        step = "end"
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
