"""Owns lines of text of a given width: wrapped, beside a label, in tables."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

LABEL_WIDTH = 12  # characters that a label and its gap take
_NARROWEST = 12  # a column that may shrink is not cut below this
_GAP = 2


class Cut(Enum):
    """What a cell may lose where its table is too wide."""

    NOTHING = "nothing"
    START = "start"  # of a line of a file, which its end tells best
    MIDDLE = "middle"  # of a path or a tensor's name, which tell most at their two ends
    END = "end"  # of prose


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. Numbers stand to the right."""

    name: str
    cut: Cut = Cut.NOTHING
    is_number: bool = False


def number_column(name: str) -> Column:
    """Return a column of numbers."""
    return Column(name, is_number=True)


def name_column(name: str) -> Column:
    """Return a column of names, which lose their middle where the table is too wide."""
    return Column(name, cut=Cut.MIDDLE)


def line_column(name: str) -> Column:
    """Return a column of lines of files, which lose their start where the table is too wide."""
    return Column(name, cut=Cut.START)


def prose_column(name: str) -> Column:
    """Return a column of prose, which loses its end where the table is too wide."""
    return Column(name, cut=Cut.END)


def make_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None
) -> list[str]:
    """Return the lines of a table with a head; columns without any text are left out.

    Cells must be printable. Without a `width` nothing is cut.
    """
    used = []
    for number in range(len(columns)):
        if any(row[number] for row in rows):
            used.append(number)
    if not used:
        return []
    shown = [columns[number] for number in used]
    cells = []
    for row in rows:
        cells.append([row[number] for number in used])
    limits = _find_limits(shown, cells, width)
    # The head goes in as rows: as headers, tabulate would pad each by two more characters.
    head = [column.name for column in shown]
    rule = ["-" * limit for limit in limits]
    lines = [head, rule]
    for row in cells:
        lines.append(_cut_row(row, limits, shown))
    alignment = ["right" if column.is_number else "left" for column in shown]
    return _align(lines, alignment)


def make_rows(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table that needs no head, such as names and what they mean."""
    if not rows:
        return []
    return _align(rows, ["left"] * len(rows[0]))


def _align(rows: Sequence[Sequence[str]], alignment: Sequence[str]) -> list[str]:
    # Imported with the first table: whoever only asks for help would wait for it.
    from tabulate import tabulate

    # tabulate strips cells unless told otherwise, and reads "1e5" as a number.
    text = tabulate(
        rows,
        tablefmt="plain",
        colalign=alignment,
        disable_numparse=True,
        preserve_whitespace=True,
    )
    return [line.rstrip() for line in text.splitlines()]


def _cut_row(row: Sequence[str], limits: Sequence[int], columns: Sequence[Column]) -> list[str]:
    cut = []
    for cell, limit, column in zip(row, limits, columns, strict=True):
        cut.append(_shorten_cell(cell, limit, column.cut))
    return cut


def _find_limits(
    columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int | None
) -> list[int]:
    """Return how wide each column may be, taking from the widest of those that may shrink."""
    limits = []
    shrinking = []
    for number, column in enumerate(columns):
        widths = [len(row[number]) for row in cells]
        limits.append(max(len(column.name), *widths))
        if column.cut is not Cut.NOTHING:
            shrinking.append(number)
    if width is None:
        return limits
    gaps = _GAP * (len(limits) - 1)
    excess = sum(limits) + gaps - width
    # One character at a time, so that columns of about the same width lose about as much.
    while excess > 0 and shrinking:
        widest = max(shrinking, key=limits.__getitem__)
        if limits[widest] <= _NARROWEST:
            break
        limits[widest] -= 1
        excess -= 1
    return limits


def _shorten_cell(text: str, limit: int, cut: Cut) -> str:
    if len(text) <= limit:
        return text
    tail = 0
    if cut is Cut.MIDDLE:
        tail = limit // 2
    if cut is Cut.START:
        tail = limit - 1
    start = text[: limit - tail - 1]
    end = text[len(text) - tail :]
    return f"{start}…{end}"


def wrap(text: str, width: int, *, first: str = "", others: str = "") -> list[str]:
    """Wrap `text`; `first` and `others` stand before the first line and before those after it.

    No word is broken: names and paths stay whole.
    """
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def wrap_entry(text: str, width: int) -> list[str]:
    """Wrap an entry of a list: the lines after the first are indented."""
    return wrap(text, width, others="  ")


def wrap_beside(label: str, text: str, width: int, inner: int = 0) -> list[str]:
    """Wrap `text` in a column beside its label, lines after the first indented by `inner` more."""
    lines = wrap(text, width - LABEL_WIDTH, others=" " * inner)
    labelled: list[str] = []
    for line in lines:
        labelled.append(put_beside("" if labelled else label, line))
    return labelled


def put_beside(label: str, line: str, column: int = LABEL_WIDTH) -> str:
    """Return one line beside its label, as it is, from `column` characters on."""
    return f"{label:<{column}}{line}"


def count_cut(cut: int, in_json: int | None = None) -> list[str]:
    """Say how many rows were left out, and how many of them the JSON report has.

    `in_json` None: it has all of them.
    """
    if cut <= 0:
        return []
    if in_json is None or in_json >= cut:
        return [f"… and {cut:,} more (all in the JSON report)"]
    if in_json > 0:
        return [f"… and {cut:,} more ({in_json:,} in the JSON report)"]
    return [f"… and {cut:,} more"]
