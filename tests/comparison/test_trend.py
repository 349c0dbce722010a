"""How a difference goes on over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from reproaudit.comparison.trend import find_trend
from reproaudit.model.events import EventKind
from reproaudit.model.growth import DIFFERS, EQUAL, MEASURED, Growth, GrowthTensor
from reproaudit.model.packed import pack
from reproaudit.model.question import Trend

NONE = pack("<u4", b"")


def make_growth(rows: Sequence[Sequence[int]]) -> Growth:
    cells = np.array(rows, dtype=np.uint8)
    return Growth(
        runs=(0, 1),
        tensors=tuple(GrowthTensor(EventKind.GRADIENT, str(row), "") for row in range(len(rows))),
        first_step=0,
        steps=cells.shape[1],
        cells=pack("|u1", cells.tobytes()),
        at=NONE,
        differing=NONE,
        max_ulp=replace(NONE, dtype="<f8"),
        max_abs=replace(NONE, dtype="<f4"),
    )


TWICE = 3  # codes more


@pytest.mark.parametrize(
    ("rows", "trend"),
    [
        ([[EQUAL, MEASURED, MEASURED + TWICE]], Trend.GROWING),
        ([[MEASURED + 9, MEASURED + 9, MEASURED + 3, MEASURED]], Trend.SHRINKING),
        ([[MEASURED + 1, MEASURED + 2, MEASURED, MEASURED + 2]], Trend.STEADY),
        # One tensor that grows is not the median of three.
        (
            [[MEASURED, MEASURED], [MEASURED, MEASURED], [MEASURED, MEASURED + 30]],
            Trend.STEADY,
        ),
        ([[EQUAL, MEASURED, EQUAL]], Trend.NONE),
        ([[DIFFERS, DIFFERS]], Trend.UNKNOWN),
    ],
)
def test_the_second_half_of_the_steps_is_held_against_the_first(
    rows: list[list[int]], trend: Trend
) -> None:
    assert find_trend(make_growth(rows)) is trend


def test_runs_that_are_equal_have_no_trend() -> None:
    assert find_trend(None) is Trend.NONE
