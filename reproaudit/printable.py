"""The one place that makes text from outside fit for a terminal and for a log of a CI service.

Names come from traces, results and locks, and those may come from a stranger.
"""

from __future__ import annotations

import re

# GitHub obeys a line that begins like the first, after white space, and one that holds the second.
# A long line may be wrapped anywhere, so the first is looked for at every word. A slice, as in
# `[0, ::2]`, is none: patches are shown, too.
_COMMAND = re.compile(r"(?<!\S)::(?=[A-Za-z-]+(?:\s|::|$))|##\[")
_MUTE = {"::": r"\x3a:", "##[": r"#\x23["}


def make_printable(text: str) -> str:
    """Return `text` on one line, with everything escaped that does not print.

    No control character, terminal sequence, direction mark, line separator, lone surrogate or
    command to a CI service passes.
    """
    if not text.isprintable():
        text = "".join(map(_escape, text))
    if "::" in text or "##[" in text:
        text = _COMMAND.sub(_mute, text)
    return text


def make_lines_printable(text: str) -> str:
    """Do the same to each line of a text; the lines and their tabs stay."""
    lines = []
    for line in text.split("\n"):
        parts = map(make_printable, line.split("\t"))
        lines.append("\t".join(parts))
    return "\n".join(lines)


def _escape(letter: str) -> str:
    if letter.isprintable():
        return letter
    return letter.encode("unicode_escape").decode("ascii")


def _mute(command: re.Match[str]) -> str:
    return _MUTE[command[0]]
