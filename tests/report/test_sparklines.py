"""A growth as lines of marks: which tensors have one, and what the marks say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.model.events import EventKind
from reproaudit.model.growth import ABSENT, DIFFERS, NAN, NO_ULP, UNLIKE
from reproaudit.model.packed import Packed
from reproaudit.report.sparklines import Sparkline, draw_growth
from tests.report.drawn import CONTROL, GROWTH, make_growth

GRADIENT = EventKind.GRADIENT


def draw(*codes: int, width: int = 80) -> Sparkline:
    """Draw one tensor."""
    (line,) = draw_growth(make_growth({(GRADIENT, "w"): codes}), width)
    return line


def test_the_loss_comes_first_then_what_differs_first_then_each_kind() -> None:
    lines = draw_growth(GROWTH, 80)
    assert [line.label for line in lines] == ["loss", "gradient b", "2 gradients", "1 parameter"]
    assert [line.marks for line in lines] == ["···▁", "·▁▂█", "·▁▂█", "····"]
    assert [line.first for line in lines] == [3, 1, 1, None]
    assert [line.said for line in lines] == [
        "first in step 3, at most 1 ULP",
        "first in step 1, at most 1,024 ULP",
        "first in step 1, at most 1,024 ULP",
        "equal",
    ]


def test_what_has_no_distance_has_a_mark_of_its_own() -> None:
    line = draw(ABSENT, DIFFERS, UNLIKE, NO_ULP, NAN, 4)
    assert line.marks == " ××××▁"
    assert line.said == "first in step 1"


def test_of_several_tensors_a_distance_counts_more_than_none() -> None:
    growth = make_growth({(GRADIENT, "a"): [NAN, 4, 1], (GRADIENT, "b"): [4, NO_ULP, UNLIKE]})
    assert draw_growth(growth, 80)[-1].marks == "▁▁×"


def test_many_steps_share_marks_and_the_furthest_counts() -> None:
    codes = [1] * 10
    codes[7] = 9
    line = draw(*codes, width=4)
    assert line.marks == "··█·"
    assert line.first == 2
    assert line.said == "first in step 7"
    assert len(draw(*[1] * 2_001, width=50).marks) <= 50


def test_steps_are_counted_from_the_first_that_was_compared() -> None:
    growth = make_growth({(GRADIENT, "w"): [1, 4]}, first_step=40)
    assert draw_growth(growth, 80)[0].said == "first in step 41"


def test_a_growth_without_tensors_or_steps_is_no_picture() -> None:
    assert draw_growth(replace(GROWTH, tensors=()), 80) == []
    assert draw_growth(replace(GROWTH, steps=0), 80) == []


def test_names_are_escaped() -> None:
    (line,) = draw_growth(make_growth({(GRADIENT, CONTROL): [4]}), 80)
    assert line.label == r"gradient \x1b[31m\u202e:smile:\n"


@pytest.mark.parametrize(
    "growth",
    [
        replace(GROWTH, steps=5),
        replace(GROWTH, cells=Packed("|u1", 16, "AAAA")),
        replace(GROWTH, max_ulp=Packed("<f8", 3, GROWTH.max_ulp.data)),
        replace(GROWTH, cells=replace(GROWTH.cells, length=10**12), steps=10**12 // 4),
    ],
)
def test_damaged_columns_are_an_error(growth: object) -> None:
    with pytest.raises(ValueError, match=r"column|too many"):
        draw_growth(growth, 80)  # type: ignore[arg-type]
