"""Owns the lines of the program around a place, for a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.model.events import Location
from reproaudit.model.excerpt import Excerpt
from reproaudit.report.wording import show_code

_AROUND = 4  # lines before and after


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of the program, escaped; its tabs stay."""

    number: int
    text: str
    is_meant: bool


def show_excerpt(location: Location | None, excerpts: Sequence[Excerpt]) -> list[SourceLine]:
    """Return the lines around a place; none if no excerpt has it."""
    if location is None:
        return []
    for excerpt in excerpts:
        place = location.line - excerpt.first_line
        is_same = (excerpt.path, excerpt.cell) == (location.path, location.cell)
        if is_same and 0 <= place < len(excerpt.lines):
            return _choose(excerpt, place)
    return []


def _choose(excerpt: Excerpt, place: int) -> list[SourceLine]:
    start = max(place - _AROUND, 0)
    end = min(place + _AROUND + 1, len(excerpt.lines))
    # Empty ones at either end show nothing.
    while start < place and not excerpt.lines[start].strip():
        start += 1
    while end > place + 1 and not excerpt.lines[end - 1].strip():
        end -= 1
    lines = []
    for at in range(start, end):
        text = show_code(excerpt.lines[at])
        lines.append(SourceLine(excerpt.first_line + at, text, is_meant=at == place))
    return lines
