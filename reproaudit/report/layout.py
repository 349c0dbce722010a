"""Owns lines of text of a given width: wrapped, labelled, in tables."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

_LABEL = 12  # characters that a label and its gap take
_NARROWEST = 12  # a column that may shrink is not cut below this
_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    is_number: bool = False  # aligned to the right
    # when the table is too wide, long cells lose their middle, or their end if they are prose
    may_shrink: bool = False
    is_prose: bool = False


def columns(*names: str) -> list[Column]:
    """Read `name` for a plain column, `name>` for numbers, `name~` for names and `name.` for prose
    that may shrink."""
    return [
        Column(name.rstrip(">~."), name[-1] == ">", name[-1] in "~.", name[-1] == ".")
        for name in names
    ]


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the lines of a table; columns without any text are left out. Cells must be printable."""
    used = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    if not used:
        return []
    shown = [columns[i] for i in used]
    cells = [[row[i] for i in used] for row in rows]
    limits = _limits(shown, cells, width)
    # The headers go in as rows: as headers, tabulate would pad each by two more characters.
    head = [[column.name for column in shown], ["-" * limit for limit in limits]]
    body = [
        [_cut(row[i], limits[i], column.is_prose) for i, column in enumerate(shown)]
        for row in cells
    ]
    alignment = ["right" if column.is_number else "left" for column in shown]
    text = tabulate(head + body, tablefmt="plain", colalign=alignment, disable_numparse=True)
    return [line.rstrip() for line in text.splitlines()]


def _limits(columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return how wide each column may be, taking from the widest of those that may shrink."""
    limits = [
        max(len(column.name), *(len(row[i]) for row in cells)) for i, column in enumerate(columns)
    ]
    excess = sum(limits) + _GAP * (len(limits) - 1) - width
    while excess > 0:
        widest = max(
            (i for i, column in enumerate(columns) if column.may_shrink),
            key=limits.__getitem__,
            default=None,
        )
        if widest is None or limits[widest] <= _NARROWEST:
            break
        limits[widest] -= 1
        excess -= 1
    return limits


def _cut(text: str, limit: int, is_prose: bool) -> str:
    """Shorten a long text: a path or a tensor's name tells most at its two ends, prose at its
    start."""
    if len(text) <= limit:
        return text
    tail = 0 if is_prose else limit // 2
    return text[: limit - tail - 1] + "…" + text[len(text) - tail :]


def indented(text: str, width: int, by: int = 2) -> list[str]:
    """Wrap `text`, the lines after the first indented. No word is broken: names and paths stay
    whole."""
    return textwrap.wrap(
        text, width, subsequent_indent=" " * by, break_long_words=False, break_on_hyphens=False
    )


def labelled(label: str, text: str, width: int, inner: int = 0) -> list[str]:
    """Wrap `text` in a column beside its label, lines after the first indented by `inner` more."""
    lines = textwrap.wrap(
        text,
        width - _LABEL,
        subsequent_indent=" " * inner,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [f"{label if not i else '':<{_LABEL}}{line}" for i, line in enumerate(lines)]
