"""Owns what rich draws between the words of a report: source, operators side by side, growth.

No text is taken for markup: names are those of a stranger's program.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reproaudit.model.aligned_ops import RowState
from reproaudit.model.growth import Growth
from reproaudit.report.excerpts import SourceLine
from reproaudit.report.nearby_ops import STATES, NearbyOp, NearbyOps
from reproaudit.report.sparklines import LEGEND, draw_growth

# The sign between the runs, and its style: what is not equal is told by the sign too.
_SIGNS = {
    RowState.EQUAL: ("=", "dim"),
    RowState.SOURCE: ("≠", "bold red"),
    RowState.CARRIER: ("↓", "yellow"),
    RowState.ABSORBED: ("⊣", "green"),
    RowState.ONLY_A: ("<", "blue"),
    RowState.ONLY_B: (">", "blue"),
    RowState.UNCOMPARED: ("·", "dim"),
}
# What is said of the place of a call, from the most to the least.
_PLACES: tuple[Callable[[NearbyOp], tuple[str, ...]], ...] = (
    lambda op: (op.line, op.module),
    lambda op: (posixpath.basename(op.line), op.module),
    lambda op: (posixpath.basename(op.line),),
    lambda op: (),
)
_FEW = 5  # one in so many may say less than the others
_GAP = 2
_LABEL = 32  # columns of the name of a line of growth, at most
_SAID = 42  # and of what is said of it
_TOLD = 90  # columns of a screen from which on anything is


def draw_excerpt(lines: Sequence[SourceLine], width: int) -> RenderableType:
    """Return lines of the program with their numbers, the one that is meant marked."""
    digits = len(str(lines[-1].number))
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(width=digits, justify="right")
    # Bounded, or else rich would take from the other two what a long line has too much.
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(width - digits - 4, 1))
    for line in lines:
        style = "bold red" if line.is_meant else "dim"
        sign = Text("❱" if line.is_meant else "", style)
        text = Text(line.text, "bold" if line.is_meant else "")
        table.add_row(sign, Text(str(line.number), style), text)
    return table


def draw_ops(nearby: NearbyOps, width: int) -> RenderableType:
    """Return two columns of calls, one for each run, and between them how they compare."""
    room = max((width - 3) // 2, 8)
    calls = _draw_calls(nearby, room)
    column = min(room, max(text.cell_len for text in calls))
    table = Table.grid(padding=(0, 1))
    table.add_column(width=column, no_wrap=True, overflow="ellipsis")
    table.add_column(width=1)
    table.add_column(width=column, no_wrap=True, overflow="ellipsis")
    first, second = nearby.runs
    table.add_row(Text(f"run {first}", "bold"), "", Text(f"run {second}", "bold"))
    if nearby.before:
        table.add_row(Text(f"… {nearby.before:,} before", "dim"))
    for op, text in zip(nearby.ops, calls, strict=True):
        is_left, is_right = op.state is not RowState.ONLY_B, op.state is not RowState.ONLY_A
        sign = Text(*_SIGNS[op.state])
        table.add_row(text if is_left else "", sign, text if is_right else "")
    if nearby.after:
        table.add_row(Text(f"… {nearby.after:,} after", "dim"))
    return Group(table, Text(), *_explain_signs(nearby))


def _draw_calls(nearby: NearbyOps, width: int) -> list[Text]:
    """Return the calls, most of them with as much of their places, and none with more than fits."""
    calls: list[Text] = []
    for number, choose in enumerate(_PLACES):
        calls = [_draw_call(op, choose(op)) for op in nearby.ops]
        too_wide = [at for at, call in enumerate(calls) if call.cell_len > width]
        if len(too_wide) * _FEW <= len(calls):
            for at in too_wide:
                op = nearby.ops[at]
                shorter = [_draw_call(op, say(op)) for say in _PLACES[number:]]
                calls[at] = next((one for one in shorter if one.cell_len <= width), shorter[-1])
            break
    return calls


def _draw_call(op: NearbyOp, places: Sequence[str]) -> Text:
    text = Text()
    text.append(op.op, _SIGNS[op.state][1])
    for place in filter(None, places):
        text.append(" " * _GAP)
        text.append(place, "dim")
    return text


def _explain_signs(nearby: NearbyOps) -> list[Text]:
    """Return what the signs mean that are there, the plainest left out."""
    told: dict[str, Text] = {}
    for op in nearby.ops:
        sign, style = _SIGNS[op.state]
        meaning = STATES[op.state]
        if op.state is not RowState.EQUAL and meaning not in told:
            told[meaning] = Text.assemble((sign, style), " ", (meaning, "dim"))
    return list(told.values())


def draw_growth_lines(growth: Growth, width: int) -> RenderableType | None:
    """Return the lines of a growth under each other, and what they say if there is room for it;
    None if there are none. Raises ValueError for columns that are damaged."""
    is_told = width >= _TOLD
    said = _SAID + _GAP if is_told else 0
    label = min(_LABEL, width // 3)
    lines = draw_growth(growth, max(width - said - label - _GAP, 1))
    if not lines:
        return None
    table = Table.grid(padding=(0, _GAP))
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=label)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for line in lines:
        marks = Text(line.marks, "dim")
        if line.first is not None:
            marks.stylize("not dim yellow", line.first)
            marks.stylize("bold red", line.first, line.first + 1)
        table.add_row(Text(line.label), marks, Text(line.said if is_told else "", "dim"))
    return Group(table, Text(), *_explain_marks(width))


def _explain_marks(width: int) -> list[Text]:
    """Return the legend on one line if there is room for it, else on several."""
    joined = (" " * 3).join(LEGEND)
    return [Text(part, "dim") for part in ([joined] if cell_len(joined) <= width else LEGEND)]
