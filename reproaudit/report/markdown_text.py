"""Owns a stranger's text as Markdown: no markup, HTML, link or line break of it gets through."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reproaudit.report.wording import escape, show_name, show_prose

_SPECIAL = re.compile(r"([\\`*_\[\]|~$#!])")
_BACKTICKS = re.compile(r"`+")


def text(words: str) -> str:
    """Return a stranger's sentence as Markdown that shows it: no markup, HTML, link or line break
    gets through."""
    shown = show_prose(words)
    # The ampersand first, for the other escapes bring their own.
    shown = shown.replace("&", "&amp;")
    shown = shown.replace("<", "&lt;").replace(">", "&gt;")
    shown = _SPECIAL.sub(r"\\\1", shown)
    # Bare addresses become links by themselves, and @ with a name notifies somebody.
    shown = shown.replace("://", "&#58;//").replace("www.", "www&#46;")
    return shown.replace("@", "&#64;")


def code(words: str, *, in_table: bool = False) -> str:
    """Return a name as a code span, between more backticks than it holds itself; empty for an empty
    name."""
    shown = show_name(words)
    if not shown.strip():
        return ""
    marks = "`" * (_longest_run(shown) + 1)
    # Markdown takes one space off both ends of a span, and a backtick there would join the fence.
    if shown[0] in "` " or shown[-1] in "` ":
        shown = f" {shown} "
    span = f"{marks}{shown}{marks}"
    if in_table:
        # A table is cut into cells before code spans are looked for.
        span = span.replace("|", "\\|")
    return span


def _longest_run(words: str) -> int:
    runs = _BACKTICKS.findall(words)
    return max(map(len, runs), default=0)


def fence(lines: Sequence[str], language: str) -> list[str]:
    """Return lines as a block of code that nothing inside ends."""
    shown = [escape(line) for line in lines]
    # Longer than any run of backticks inside, which would end the block, and three at least.
    longest = max(map(_longest_run, shown), default=0)
    marks = "`" * max(3, longest + 1)
    return [f"{marks}{language}", *shown, marks]
