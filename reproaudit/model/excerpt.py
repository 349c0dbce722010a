"""Owns what a result keeps of the program's own text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of the program's own source around places that a result names, as they were when the
    runs were made. `first_line` counts from 1. `cell` as in Location."""

    path: str
    first_line: int
    lines: tuple[str, ...]
    cell: int = 0
