"""What an audited process printed: its end, its news, and what the recorder itself had to say."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from reproaudit.errors import SubjectError

RECORDER_SAYS = "reproaudit: "
_TAIL_BYTES = 1 << 16


def tail(log: Path | None, lines: int = 20) -> str:
    """Return the last lines of a log as printable text; of a line that was rewritten in place, its
    last state."""
    if log is None:
        return ""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""
    final_states = [line.rstrip("\r").rpartition("\r")[2] for line in text.rstrip().split("\n")]
    return "\n".join(
        "".join(
            letter if letter.isprintable() or letter == "\t" else "\N{REPLACEMENT CHARACTER}"
            for letter in line
        )
        for line in final_states[-lines:]
    )


def copy_to_stderr(log: Path, position: int) -> int:
    """Copy what the log holds beyond `position`, byte for byte where stderr takes bytes; return how
    much that was."""
    with open(log, "rb") as file:
        file.seek(position)
        news = file.read()
    if news:
        stream = getattr(sys.stderr, "buffer", None)
        if stream is not None:
            stream.write(news)
        else:
            sys.stderr.write(news.decode("utf-8", errors="replace"))
        sys.stderr.flush()
    return len(news)


def raise_what_the_recorder_says(log: Path | None) -> None:
    """Raise SubjectError if the log ends in the recorder's own error; the program may have used its
    exit code."""
    lines = tail(log).split("\n")
    for position, line in enumerate(lines):
        if line.startswith(RECORDER_SAYS):
            said = re.fullmatch(
                r"(?P<message>.*?)(?: \[(?P<code>[a-z0-9-]+)\])?", line[len(RECORDER_SAYS) :]
            )
            follows = lines[position + 1].strip() if position + 1 < len(lines) else ""
            raise SubjectError(
                said["message"] if said else line,
                code=(said and said["code"]) or "recorder-failed",
                hint=follows.removeprefix("hint: ")
                if follows.startswith("hint: ")
                else f"its output is in {log}"
                if log
                else "see its output",
            )
