"""Distances over steps, as the series of groups of tensors."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import replace

import pytest

from reproaudit.model.events import EventKind
from reproaudit.model.growth import (
    ABSENT,
    DIFFERS,
    EQUAL,
    NAN,
    NO_ULP,
    UNLIKE,
    Growth,
    GrowthTensor,
    code_of_ulp,
)
from reproaudit.model.packed import Packed, pack
from reproaudit.track.growth_series import list_growth


def grow(
    names: Sequence[str],
    cells: Sequence[Sequence[int]],
    exact: Sequence[tuple[int, float]] = (),
    first_step: int = 0,
    processes: Sequence[str] = (),
) -> Growth:
    """Return a growth of gradients; `exact` are distances in ULP by cell."""
    tensors = tuple(
        GrowthTensor(EventKind.GRADIENT, name, "float32[3]", process)
        for name, process in zip(names, processes or [""] * len(names), strict=True)
    )
    at = struct.pack(f"<{len(exact)}I", *(place for place, _ in exact))
    max_ulp = struct.pack(f"<{len(exact)}d", *(value for _, value in exact))
    return Growth(
        runs=(0, 1),
        tensors=tensors,
        first_step=first_step,
        steps=len(cells[0]),
        cells=pack("|u1", bytes(code for row in cells for code in row)),
        at=pack("<u4", at),
        differing=pack("<u4", b"\0" * 4 * len(exact)),
        max_ulp=pack("<f8", max_ulp),
        max_abs=pack("<f4", b"\0" * 4 * len(exact)),
    )


def test_a_group_has_the_largest_distance_of_its_tensors() -> None:
    growth = grow(
        ["layers.1.weight", "layers.1.bias", "head.weight"],
        [[EQUAL, code_of_ulp(4)], [code_of_ulp(2), code_of_ulp(64)], [EQUAL, EQUAL]],
    )
    series, said = list_growth(growth)
    assert [one.name for one in series] == ["reproaudit/growth/gradient/layers.1"]
    assert series[0].points == ((0, 2.0), (1, 64.0))
    assert said == []


def test_an_exact_distance_wins_over_its_rounded_code() -> None:
    growth = grow(["a.w"], [[code_of_ulp(5), code_of_ulp(5)]], exact=[(1, 5.0)], first_step=7)
    (series,), _ = list_growth(growth)
    assert series.points[0][0] == 7
    assert series.points[0][1] != 5.0
    assert series.points[0][1] == pytest.approx(5.0, rel=0.13)
    assert series.points[1] == (8, 5.0)


def test_a_step_without_a_distance_has_no_point() -> None:
    growth = grow(["a.w"], [[ABSENT, DIFFERS, UNLIKE, NO_ULP, NAN, code_of_ulp(1)]])
    (series,), _ = list_growth(growth)
    assert series.points == ((5, 1.0),)


def test_ranks_are_groups_of_their_own_and_a_tensor_of_no_module_has_a_name() -> None:
    one = [code_of_ulp(1)]
    growth = grow(["loss", "loss"], [one, one], processes=["", "rank 1"])
    series, _ = list_growth(growth)
    assert [each.name for each in series] == [
        "reproaudit/growth/gradient/(top)",
        "reproaudit/growth/rank 1/gradient/(top)",
    ]


def test_only_so_many_groups_and_points_are_listed_and_that_is_said() -> None:
    cells = [[code_of_ulp(1)] * 1000 for _ in range(60)]
    growth = grow([f"layers.{number}.w" for number in range(60)], cells)
    series, said = list_growth(growth)
    assert len(series) == 50
    assert sum(len(one.points) for one in series) <= 20_000
    assert series[0].points[0] == (0, 1.0)
    assert said == ["growth: the first 50 of 60 groups of tensors", "growth: one of 3 steps"]


def test_what_the_result_itself_leaves_out_is_said() -> None:
    growth = grow(["a.w"], [[code_of_ulp(1)]])
    _, said = list_growth(replace(growth, left_out_steps=1200, left_out_tensors=3))
    assert said == [
        "growth: 1,200 steps before or after these",
        "growth: 3 tensors that come later",
    ]


GROWN = grow(["a.w"], [[code_of_ulp(1), EQUAL]], exact=[(0, 1.0)])


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (replace(GROWN, steps=10**9), "growth: a column has 2 items, not 1000000000"),
        (replace(GROWN, cells=Packed("<f8", 2, GROWN.cells.data)), "growth: a column of <f8"),
        (replace(GROWN, max_ulp=Packed("<f8", 0, "")), "growth: a column has 0 items, not 1"),
        (replace(GROWN, at=Packed("<u4", 10**9, "")), "growth: 1,000,000,000 items are too many"),
    ],
)
def test_a_growth_whose_columns_are_damaged_is_left_out(damaged: Growth, said: str) -> None:
    series, left_out = list_growth(damaged)
    assert series == []
    assert [line[: len(said)] for line in left_out] == [said]


def test_a_distance_that_is_no_number_is_read_from_its_code() -> None:
    growth = grow(["a.w"], [[code_of_ulp(4)] * 2], exact=[(0, math.nan), (1, math.inf)])
    (series,), _ = list_growth(growth)
    assert series.points == ((0, 4.0), (1, 4.0))


def test_nothing_grows_where_nothing_was_compared() -> None:
    assert list_growth(None) == ([], [])
    assert list_growth(grow(["a.w"], [[EQUAL, EQUAL]])) == ([], [])
