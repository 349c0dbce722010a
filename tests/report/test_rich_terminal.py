"""The report that rich draws: the words of the plain one, pictures between them, nothing obeyed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from reproaudit.model.packed import Packed
from reproaudit.model.result import AuditResult, Fix
from reproaudit.report.rich_terminal import RichOptions, RichTerminalReport
from reproaudit.report.terminal import TerminalOptions, TerminalReport
from tests.report.cases import (
    CASES,
    INDEX_PUT,
    MANY,
    ONE_DIVERGENCE,
    REPRODUCIBLE,
    WITHIN_TOLERANCE,
)
from tests.report.drawn import DRAWN, GROWTH, MARKUP, OPS, make_hostile
from tests.screen import COLOURS

RED = "\x1b[1;31m"
GREEN = "\x1b[32m"
WIDTHS = (40, 80, 100, 160)
TITLES = ("How it grows over 4 steps, between runs 0 and 1", "Operators where the runs part")


def draw(result: AuditResult, width: int = 100, max_rows: int = 20) -> str:
    return RichTerminalReport(RichOptions(width, max_rows)).render(result)


def show(result: AuditResult, width: int = 100) -> str:
    """Return the report without its colours."""
    lines = COLOURS.sub("", draw(result, width)).split("\n")
    return "\n".join(line.rstrip() for line in lines)


def section(text: str, title: str) -> list[str]:
    """Return the lines under a title up to the next one."""
    lines = text.split("\n")
    start = lines.index(title) + 1
    end = next(
        (at for at in range(start, len(lines)) if lines[at] and lines[at][0] != " "), len(lines)
    )
    return lines[start:end]


def words_of(text: str) -> list[str]:
    return re.findall(r"[\w.:/]+", text)


@pytest.mark.parametrize("case", CASES)
def test_what_the_plain_report_says_is_said(case: str) -> None:
    plain = TerminalReport(TerminalOptions(width=160)).render(CASES[case])
    drawn = " ".join(words_of(show(CASES[case], 160)))
    for line in plain.split("\n"):
        words = [word for word in words_of(line) if "…" not in line]
        for word in words:
            assert word in drawn


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_same_result_is_drawn_the_same_at_every_width(case: str, width: int) -> None:
    text = draw(CASES[case], width)
    assert text == draw(CASES[case], width)
    assert text.endswith("\n")
    assert "\x1b" not in COLOURS.sub("", text)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_screen_but_what_is_copied(width: int) -> None:
    copied = {*INDEX_PUT.fix.patch, *ONE_DIVERGENCE.next_commands} if INDEX_PUT.fix else set()
    for line in show(DRAWN, width).split("\n"):
        assert cell_len(line) <= width or line.strip() in copied


def test_a_command_is_never_broken() -> None:
    command = "reproaudit train.py " + "--set name=value " * 20
    text = show(replace(REPRODUCIBLE, next_commands=(command.strip(),)), 40)
    assert f"  {command.strip()}\n" in text


@pytest.mark.parametrize("case", ["reproducible", "one-divergence", "not-audited"])
def test_the_verdict_has_a_sign_beside_its_colour(case: str) -> None:
    sign, colour = {"reproducible": ("✓", "32"), "one-divergence": ("≠", "31")}.get(
        case, ("!", "33")
    )
    assert draw(CASES[case]).startswith(f"\x1b[1;{colour}m{sign} ")


def test_the_divergent_line_is_marked_in_its_source() -> None:
    lines = section(show(DRAWN), "Where")
    marked = [line for line in lines if "❱" in line]
    assert [line.split() for line in marked] == [["❱", "41", "x[index]", "+=", "1"]]
    assert lines.index(marked[0]) < next(at for at, line in enumerate(lines) if "  op " in line)


def test_without_what_is_drawn_no_picture_has_a_title() -> None:
    text = show(ONE_DIVERGENCE)
    for title in TITLES:
        assert title not in text
        assert title in show(DRAWN)


def test_a_difference_within_the_tolerance_is_drawn_too() -> None:
    result = replace(WITHIN_TOLERANCE, growth=GROWTH)
    assert "Where" not in show(result)
    assert TITLES[0] in show(result)


def test_a_growth_is_drawn_for_the_loss_the_first_tensor_and_each_kind() -> None:
    assert [line.split()[:2] for line in section(show(DRAWN), TITLES[0])[:2]] == [
        ["loss", "···▁"],
        ["gradient", "b"],
    ]
    assert "first in step 1, at most 1,024 ULP" in show(DRAWN)
    # Where there is no room for words, the marks stay.
    assert "·▁▂█" in show(DRAWN, 40)


def test_both_runs_stand_side_by_side_around_the_source() -> None:
    lines = section(show(DRAWN, 160), TITLES[1])
    calls = [re.split(r"\s{2,}| (?=[=≠↓⊣<>·])|(?<=[=≠↓⊣<>·]) ", line.strip()) for line in lines]
    source = ["aten::index_put_", "examples/net/train.py:8", "layers.1"]
    assert [*source, "≠", *source] in [[part for part in row if part] for row in calls]
    assert [line.strip()[:12] for line in lines if line.strip().startswith("aten::relu")]
    (left,) = [line for line in lines if "aten::relu" in line]
    (right,) = [line for line in lines if "aten::gelu" in line]
    assert left.rstrip().endswith("<")
    assert right.strip().startswith(">")
    text = "\n".join(lines)
    for word in ("run 0", "run 1", "… 103 before", "born here", "passed on", "ends here"):
        assert word in text
    assert text.count("only one run calls it") == 1


def test_a_source_is_told_from_a_carrier_without_colours() -> None:
    lines = section(show(DRAWN), TITLES[1])
    (source,) = [line for line in lines if "index_put_" in line]
    (carrier,) = [line for line in lines if "aten::add" in line]
    assert "≠" in source
    assert "≠" not in carrier


def test_a_patch_is_a_coloured_diff() -> None:
    patch = ("--- train.py", "+++ train.py", "@@ -1 +1,2 @@", " import torch", "-x", "+y")
    finding = replace(INDEX_PUT, fix=Fix(patch=patch))
    text = draw(replace(ONE_DIVERGENCE, findings=(finding,)))
    assert f"{GREEN}+y" in text
    assert "\x1b[31m-x" in text
    assert "\x1b[1m+++ train.py" in text
    # Lines to write by hand are no diff: one that begins with a dash is not taken away.
    by_hand = replace(INDEX_PUT, fix=Fix(patch=("-x",)))
    assert "\x1b[31m-x" not in draw(replace(ONE_DIVERGENCE, findings=(by_hand,)))


@pytest.mark.parametrize("width", WIDTHS)
def test_names_are_neither_markup_nor_orders_to_a_terminal(width: int) -> None:
    text = draw(make_hostile(), width)
    plain = COLOURS.sub("", text)
    # However it is broken into lines.
    joined = "".join(plain.split())
    for name in (MARKUP.replace(" ", ""), ":smile:", r"\x1b[31m", r"\u202e"):
        assert name in joined
    for order in ("\x1b", "\u202e", "😄"):
        assert order not in plain


@pytest.mark.parametrize(
    "damaged",
    [
        replace(DRAWN, growth=replace(GROWTH, cells=Packed("|u1", 16, "AAAA"))),
        replace(DRAWN, ops=replace(OPS, strings=())),
        replace(DRAWN, growth=replace(GROWTH, steps=10**9)),
    ],
)
def test_a_picture_that_cannot_be_drawn_says_why_and_the_report_goes_on(
    damaged: AuditResult,
) -> None:
    text = show(damaged)
    assert text.count("cannot be drawn: ") == 1
    assert "How sure" in text


def test_rows_past_the_cap_are_counted() -> None:
    text = COLOURS.sub("", draw(MANY, max_rows=3))
    assert "… and 9,996 more (all in the JSON report)" in text
    assert text.count("\n") == COLOURS.sub("", draw(MANY, max_rows=3)).count("\n") < 100


def test_on_a_narrow_screen_a_row_has_a_line_for_each_cell() -> None:
    lines = section(show(ONE_DIVERGENCE, 40), "What differs between runs 0 and 1")
    assert lines[:3] == [
        "  kind               gradient",
        "  name               layers.1.weight",
        "  step               0",
    ]


def test_a_screen_of_no_width_is_taken_as_a_narrow_one() -> None:
    assert draw(DRAWN, 0) == draw(DRAWN, 20)
    assert draw(DRAWN, 10_000) == draw(DRAWN, 160)
