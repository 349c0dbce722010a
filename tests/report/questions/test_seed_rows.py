"""Random streams by their use, and settings in the order of the run."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.report.questions.seed_rows import (
    list_flag_rows,
    list_stream_rows,
    word_flag,
    word_stream,
)
from tests.report.question_cases import SEEDS


def test_streams_are_told_by_use_and_what_is_not_in_order_first() -> None:
    other = replace(SEEDS.streams[2], is_expected=True)
    rows = list_stream_rows(replace(SEEDS, streams=(other, *SEEDS.streams)))
    assert [(row.use, row.effect, row.is_expected) for row in rows] == [
        ("initial weights", "follows", True),
        ("data order", "unseeded", False),
        ("data order", "unseeded", True),
        ("data", "constant", True),
        ("forward pass", "constant", False),
        ("other", "not known", True),
    ]


def test_a_draw_that_a_library_makes_names_the_library() -> None:
    (row,) = list_stream_rows(replace(SEEDS, streams=SEEDS.streams[3:4]))
    assert row.call == "RandomState.rand, in toys"


def test_a_stream_without_a_line_is_named_by_its_generator() -> None:
    assert word_stream(SEEDS.streams[4]) == "other, torch CPU: not known"


def test_a_setting_names_the_one_that_it_undoes() -> None:
    rows = list_flag_rows(SEEDS)
    assert [(row.number, row.undoes) for row in rows] == [(1, None), (2, None), (3, 1)]
    assert word_flag(SEEDS, SEEDS.timeline[2]) == (
        "torch.use_deterministic_algorithms = False, site-packages/trainer/loop.py:88: it takes "
        "back what the program asked for; it undoes torch.use_deterministic_algorithms = True, "
        "train.py:3"
    )


def test_a_position_that_is_not_there_undoes_nothing() -> None:
    wild = replace(SEEDS.timeline[2], undoes=99)
    (row,) = list_flag_rows(replace(SEEDS, timeline=(wild,)))
    assert row.undoes is None
