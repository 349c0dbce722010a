"""The rows of the table of tensors that differ."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.model.difference import Difference
from reproaudit.model.events import EventKind, Phase
from reproaudit.model.result import (
    TensorDivergence,
)
from reproaudit.report.tensor_rows import (
    TENSOR_COLUMNS,
    leave_out_repeats,
    make_tensor_row,
    name_pair,
)
from tests.report.cases import EMPTY

WEIGHT = TensorDivergence(
    kind=EventKind.GRADIENT, name="fc.weight", step=3, phase=Phase.BACKWARD, runs=(0, 2)
)


def test_two_runs_are_named_once_and_several_pairs_in_each_row() -> None:
    assert name_pair(replace(EMPTY, divergences=(WEIGHT, WEIGHT))) == " between runs 0 and 2"
    assert name_pair(replace(EMPTY, divergences=(WEIGHT, replace(WEIGHT, runs=(0, 1))))) == ""
    assert name_pair(EMPTY) == ""
    assert make_tensor_row(WEIGHT, runs="0, 2")[3] == "0, 2"
    assert make_tensor_row(WEIGHT)[3] == ""


def test_what_comes_after_the_last_step_has_no_step() -> None:
    saved = replace(WEIGHT, kind=EventKind.SAVED, name="best.pt: fc.weight")
    row = make_tensor_row(saved, steps=3)
    assert row[:3] == ("saved tensor", "best.pt: fc.weight", "end")
    assert make_tensor_row(saved, steps=4)[2] == "3"


def test_a_row_has_a_cell_for_each_column_with_values_or_without() -> None:
    alone = replace(WEIGHT, only_in=2)
    cells = ("gradient", "fc.weight", "3", "", "", "", "", "only in run 2")
    assert make_tensor_row(alone) == cells
    assert len(cells) == len(TENSOR_COLUMNS)


def test_what_no_distance_tells_stands_in_the_note() -> None:
    difference = Difference(
        elements=2000,
        differing=1200,
        max_ulp=4,
        max_abs=0.00025,
        zero_sign=1,
        within_tolerance=True,
    )
    row = make_tensor_row(replace(WEIGHT, difference=difference))
    assert row[4:] == ("1,200/2,000", "4", "0.00025", "1 sign of zero, within tolerance")


def test_numbers_of_another_sign_or_size_are_not_counted_in_units_in_the_last_place() -> None:
    far = Difference(elements=4, differing=4, max_ulp=2_200_000_000, max_abs=45.0, max_rel=1.9)
    cells = make_tensor_row(replace(WEIGHT, difference=far))
    assert cells[5] == "other sign"
    larger = replace(far, max_rel=0.9)
    cells = make_tensor_row(replace(WEIGHT, difference=larger))
    assert cells[5] == "other size"
    near = replace(far, max_ulp=449_490, max_rel=0.04)
    cells = make_tensor_row(replace(WEIGHT, difference=near))
    assert cells[5] == "449,490"


def test_a_tensor_that_differs_at_every_step_has_one_row() -> None:
    steps = [replace(WEIGHT, step=step) for step in range(5)]
    bias = replace(WEIGHT, name="fc.bias", step=1)
    assert leave_out_repeats([*steps, bias]) == [steps[0], bias]
    grown = replace(WEIGHT, step=5, tensor="float32[2]", other_tensor="float32[3]")
    assert leave_out_repeats([*steps, grown]) == [steps[0], grown]


def test_what_has_one_name_within_a_step_is_told_apart() -> None:
    first = replace(WEIGHT, kind=EventKind.OUTPUT, name="GCN.output")
    second = replace(first, occurrence=2)
    rows = leave_out_repeats([first, second, replace(second, step=4)])
    names = [make_tensor_row(row)[1] for row in rows]
    assert names == ["GCN.output", "GCN.output, call 2"]
