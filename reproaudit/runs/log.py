"""What an audited process printed: its end, its news, and what the recorder itself had to say."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from reproaudit.errors import SubjectError
from reproaudit.printable import make_lines_printable

RECORDER_SAYS = "reproaudit: "
_HINT = "hint: "
_TAIL_BYTES = 1 << 16
# What the recorder says, with the code of its error at the end if it has one.
_SAID = re.compile(r"(?P<message>.*?)(?: \[(?P<code>[a-z0-9-]+)\])?")


def tail(log: Path | None, lines: int = 20) -> str:
    """Return the last lines of a log as printable text; of a line that was rewritten in place, its
    last state."""
    if log is None:
        return ""
    try:
        # The end alone: a program may have printed gigabytes.
        with open(log, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""
    shown = []
    for line in text.rstrip().split("\n")[-lines:]:
        # A progress bar writes its line again after each carriage return.
        final_state = line.rstrip("\r").rpartition("\r")[2]
        shown.append(make_lines_printable(final_state))
    return "\n".join(shown)


def copy_to_stderr(log: Path, position: int) -> int:
    """Copy what the log holds beyond `position`, byte for byte where stderr takes bytes; return how
    much that was."""
    with open(log, "rb") as file:
        file.seek(position)
        news = file.read()
    if not news:
        return 0
    # Whoever replaced sys.stderr may have given it text alone.
    stream = getattr(sys.stderr, "buffer", None)
    if stream is not None:
        stream.write(news)
    else:
        sys.stderr.write(news.decode("utf-8", errors="replace"))
    sys.stderr.flush()
    return len(news)


def raise_what_the_recorder_says(log: Path | None) -> None:
    """Raise SubjectError if the log ends in the recorder's own error.

    Nothing is raised otherwise: the program may have used the recorder's exit code.
    """
    lines = tail(log).split("\n")
    for position, line in enumerate(lines):
        if not line.startswith(RECORDER_SAYS):
            continue
        said = _SAID.fullmatch(line.removeprefix(RECORDER_SAYS))
        message = line
        code = None
        if said is not None:
            message = said["message"]
            code = said["code"]
        raise SubjectError(
            message,
            code=code or "recorder-failed",
            hint=_find_hint(lines[position + 1 :], log),
        )


def _find_hint(following: Sequence[str], log: Path | None) -> str:
    """Return the hint in the line after the recorder's error, else where to read on."""
    if following:
        line = following[0].strip()
        if line.startswith(_HINT):
            return line.removeprefix(_HINT)
    if log is None:
        return "see its output"
    return f"its output is in {log}"
