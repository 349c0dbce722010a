"""The rows of the table of tensors that differ."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.model.events import EventKind, Phase
from reproaudit.model.result import Difference, TensorDivergence
from reproaudit.report.tensor_rows import TENSOR_COLUMNS, make_tensor_row, name_pair

WEIGHT = TensorDivergence(
    kind=EventKind.GRADIENT, name="fc.weight", step=3, phase=Phase.BACKWARD, runs=(0, 2)
)


def test_two_runs_are_named_once_and_several_pairs_in_each_row() -> None:
    assert name_pair([WEIGHT, WEIGHT]) == " between runs 0 and 2"
    assert name_pair([WEIGHT, replace(WEIGHT, runs=(0, 1))]) == ""
    assert name_pair([]) == ""
    assert make_tensor_row(WEIGHT, with_runs=True)[3] == "0, 2"
    assert make_tensor_row(WEIGHT, with_runs=False)[3] == ""


def test_what_comes_after_the_last_step_has_no_step() -> None:
    saved = replace(WEIGHT, kind=EventKind.SAVED, name="best.pt: fc.weight")
    row = make_tensor_row(saved, with_runs=False, steps=3)
    assert row[:3] == ("saved tensor", "best.pt: fc.weight", "end")
    assert make_tensor_row(saved, with_runs=False, steps=4)[2] == "3"


def test_a_row_has_a_cell_for_each_column_with_values_or_without() -> None:
    alone = replace(WEIGHT, only_in=2)
    cells = ("gradient", "fc.weight", "3", "", "", "", "", "only in run 2")
    assert make_tensor_row(alone, with_runs=False) == cells
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
    row = make_tensor_row(replace(WEIGHT, difference=difference), with_runs=False)
    assert row[4:] == ("1,200/2,000", "4", "0.00025", "1 sign of zero, within tolerance")
