"""Owns what reports for a screen consist of before it is laid out: words and rows, escaped, of no
width yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from reproaudit.report.layout import Column, count_cut


@dataclass(frozen=True, slots=True)
class Fact:
    """A text beside what it is about; without a label it belongs to the one before."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether one kind of evidence supports a finding, and what that means."""

    label: str
    kind: str
    answer: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Code:
    """Lines beside a label that are never wrapped: they are there to be copied."""

    label: str
    lines: tuple[str, ...]
    is_diff: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A sentence by itself, one of a list."""

    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A table; columns without any text are not to be shown."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is never wrapped, as a command."""

    text: str


@dataclass(frozen=True, slots=True)
class Cut:
    """How much was left out of the list or the table above."""

    text: str


Block = Fact | Answer | Code | Entry | Rows | Line | Cut


class Topic(Enum):
    """What a section is about."""

    RUNS = auto()
    VARIED = auto()
    DEPENDENCE = auto()
    RESUMED = auto()
    LOST = auto()
    STREAMS = auto()
    TIMELINE = auto()
    WHERE = auto()
    OTHERS = auto()
    EVIDENCE = auto()
    TRIED = auto()
    TENSORS = auto()
    REFUSED = auto()
    CHANGES = auto()
    WARNINGS = auto()
    NOT_CHECKED = auto()
    CERTAINTY = auto()
    NEXT = auto()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report under a title; without blocks it is not to be shown."""

    topic: Topic
    title: str
    blocks: Sequence[Block]


def list_rows(
    columns: Sequence[Column], rows: Sequence[tuple[str, ...]], *, total: int
) -> list[Block]:
    """Return a table of the first of `total` rows, and how many it leaves out."""
    if not rows:
        return []
    return [Rows(tuple(columns), tuple(rows)), *list_cut(total - len(rows))]


def list_cut(cut: int, in_json: int | None = None) -> list[Block]:
    """Return how many rows were left out, as `count_cut` says it."""
    return [Cut(text) for text in count_cut(cut, in_json)]
