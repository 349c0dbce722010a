"""Owns the rows of the table of tensors that differ, for a screen."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.model.result import TensorDivergence
from reproaudit.report.layout import Column, name_column, number_column, prose_column
from reproaudit.report.wording import (
    is_after_last_step,
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


def make_tensor_row(
    divergence: TensorDivergence, *, with_runs: bool, steps: int = 0
) -> tuple[str, ...]:
    """Return the cells of one tensor; that of the runs is empty unless `with_runs`.

    What came after the last of the run's `steps` has `end` in place of a step.
    """
    first, second = divergence.runs
    kind = name_kind(divergence.kind)
    name = show_name(divergence.name)
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
    max_ulp = show_whole(found.max_ulp)
    max_abs = show_real(found.max_abs)
    note = ", ".join(remarks)
    return (kind, name, step, runs, differing, max_ulp, max_abs, note)
