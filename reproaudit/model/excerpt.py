"""Owns what a result keeps of the program's own text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of the program's own source around places that a result names, as they were when the
    runs were made; long lines are cut.

    `first_line` counts from 1. `path` and `cell` are as in Location.
    """

    OMITS_DEFAULTS: ClassVar[tuple[str, ...]] = ("cell",)

    path: str
    first_line: int
    lines: tuple[str, ...]
    cell: int = 0
