"""What an audited process printed: its end, and its news."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from reproaudit.printable import make_lines_printable
from reproaudit.trace.failure import read_failure

_TAIL_BYTES = 1 << 16
_LINES_LOOKED_AT = 200
_ERROR = re.compile(r"^(\[?\w+\]?:? )?[\w.]*(Error|Exception|Interrupt|Exit)\b(: *\S|$)")
_WORD = re.compile(r"\w")


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


def find_last_words(log: Path | None) -> str:
    """Return the last line that names an error, else the last one that says anything.

    Launchers print tables behind the error of the process that failed.
    """
    lines = [line.strip() for line in tail(log, lines=_LINES_LOOKED_AT).splitlines()]
    for pattern in (_ERROR, _WORD):
        for line in reversed(lines):
            if pattern.search(line):
                return line
    return ""


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


def raise_what_the_recorder_says(trace_dir: Path, log: Path | None) -> None:
    """Raise the recorder's own error, if it left one.

    Nothing is raised otherwise: the program may have used the recorder's exit code.
    """
    failure = read_failure(trace_dir)
    if failure is None:
        return
    if not failure.hint:
        failure.hint = "see its output" if log is None else f"its output is in {log}"
    raise failure
