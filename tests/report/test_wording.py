from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reproaudit.model.difference import Difference
from reproaudit.model.events import EventKind, Phase
from reproaudit.model.flag_use import FlagMode, FlagUse
from reproaudit.model.result import (
    Fix,
    TensorDivergence,
)
from reproaudit.report.wording import (
    escape,
    show_count,
    show_name,
    show_prose,
    show_whole,
    word_difference,
    word_remark,
    word_settings,
)

FAR = Difference(640_000, 3_812, 4, 1.2e-07, 3.1e-06, (0, 17))


@pytest.mark.parametrize(
    ("difference", "sentence"),
    [
        (
            FAR,
            "3,812 of 640,000 elements differ, at most 4 ULP (1.2e-07 abs, 3.1e-06 rel), "
            "first at [0, 17]",
        ),
        (
            Difference(1, 1, 2, 0.5, 0.25, ()),
            "1 of 1 element differs, at most 2 ULP (0.5 abs, 0.25 rel)",
        ),
        (
            Difference(8, 3, None, 2.0, None, (5,)),
            "3 of 8 elements differ, at most 2 abs, first at [5]",
        ),
        (
            Difference(8, 1, 0, 0.0, 0.0, (5,), zero_sign=1),
            "1 of 8 elements differs, 1 sign of zero, first at [5]",
        ),
        (
            Difference(8, 5, nan_against_number=2, nan_payload=3),
            "5 of 8 elements differ, 2 NaN on one side, 3 NaN payload",
        ),
        (
            Difference(2, 2, 1, within_tolerance=True),
            "2 of 2 elements differ, at most 1 ULP; within the tolerance",
        ),
    ],
)
def test_a_difference_is_told_in_one_sentence(difference: Difference, sentence: str) -> None:
    assert word_difference(difference) == sentence


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters()))
@example("\x1b[31mred\x9b0m")
@example("\u202etxt.exe\u2066")
@example("\ud800\udcff")
def test_escaped_text_prints_on_one_line_and_can_be_encoded(text: str) -> None:
    assert escape(text).isprintable()
    assert escape(text).encode("utf-8").decode("utf-8") == escape(text)


def test_letters_of_any_script_are_left_as_they_are() -> None:
    assert escape("größe слой 層 λ") == "größe слой 層 λ"


def test_escapes_say_which_character_was_there() -> None:
    assert escape("a\x1b\n\u202e\udcff") == r"a\x1b\n\u202e\udcff"


def test_prose_joins_lines_and_a_name_keeps_them_visible() -> None:
    assert show_prose(" first\n\tsecond ") == "first second"
    assert show_name("first\nsecond") == r"first\nsecond"


def test_a_name_of_a_million_characters_is_cut() -> None:
    assert len(show_name("x" * 1_000_000)) == 500
    assert show_name("x" * 1_000_000).endswith("…")


@pytest.mark.parametrize(
    ("number", "noun", "expected"),
    [
        (1, "run", "1 run"),
        (0, "run", "0 runs"),
        (2, "batch", "2 batches"),
        (1_200, "step", "1,200 steps"),
    ],
)
def test_nouns_follow_their_number(number: int, noun: str, expected: str) -> None:
    assert show_count(number, noun) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (999_999_999, "999,999,999"),
        (2**62, "4.6e+18"),
        (-(2**62), "-4.6e+18"),
        (10**400, "huge"),
        (None, ""),
    ],
)
def test_a_whole_number_is_exact_up_to_a_billion(number: int | None, expected: str) -> None:
    assert show_whole(number) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ""),
        ({"only_in": 3}, "only in run 3: float32[3]"),
        ({"other_tensor": "float32[4]"}, "float32[3] against float32[4]"),
        ({"is_reordered": True}, "the same samples in another order"),
    ],
)
def test_what_no_distance_tells_of_a_divergence_is_said_in_words(
    facts: dict[str, Any], expected: str
) -> None:
    row = TensorDivergence(EventKind.BATCH, "loader", 0, Phase.DATA, (0, 3), "float32[3]")
    assert word_remark(replace(row, **facts)) == expected


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (FlagUse(FlagMode.STRICT, ()), "strict"),
        (
            FlagUse(FlagMode.UNLESS_REFUSED, ("aten::put_",)),
            "strict, except aten::put_, which raises",
        ),
        (
            FlagUse(FlagMode.UNLESS_REFUSED, ("aten::mm", "aten::put_")),
            "strict, except aten::mm, aten::put_, which raise",
        ),
        (FlagUse(FlagMode.UNLESS_REFUSED), "strict, except what raises"),
        (FlagUse(FlagMode.WARN, ("aten::put_",)), "only warning, for aten::put_ raises"),
        (FlagUse(FlagMode.WARN), "only warning"),
    ],
)
def test_a_repair_by_the_determinism_flag_says_how_strict_that_was(use: FlagUse, said: str) -> None:
    fix = Fix(("kernels.deterministic",), verified=True, runs=3, flag=use)
    assert word_settings(fix).startswith(f"kernels.deterministic ({said}): verified, 3 runs")
