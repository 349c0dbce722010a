"""A terminal for tests: programs that run on a pseudo-terminal, and what stands on its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LINES = 50
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])")


@dataclass(frozen=True)
class Shown:
    """What a program wrote to its terminal, and the exit code that it ended with."""

    raw: str
    code: int

    @property
    def screen(self) -> str:
        """What stands there at the end."""
        return read_screen(self.raw)

    @property
    def has_colours(self) -> bool:
        return COLOURS.search(self.raw) is not None


def run_on_terminal(
    words: Sequence[str],
    *,
    columns: int = 100,
    environment: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> Shown:
    """Run Python with these arguments on a terminal of its own; standard error goes there, too."""
    variables = {**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        variables.pop(name, None)
    variables.update(environment or {})
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
        with subprocess.Popen(
            [sys.executable, *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=variables,
            cwd=cwd,
        ) as process:
            os.close(theirs)
            theirs = -1
            raw = _read_all(ours)
            code = process.wait(120)
    finally:
        os.close(ours)
        if theirs != -1:
            os.close(theirs)
    return Shown(raw.decode("utf-8").replace("\r\n", "\n"), code)


def _read_all(descriptor: int) -> bytes:
    parts = []
    while True:
        try:
            part = os.read(descriptor, 1 << 16)
        except OSError:  # the last process has closed its side
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def read_screen(raw: str) -> str:
    """Return the text that stands on a screen once this was written to it.

    Lines are not broken at its width. Fails on a sequence that is not understood, and on a control
    character that does anything else than it should.
    """
    lines = [""]
    row = column = 0
    at = 0
    while at < len(raw):
        sequence = _CONTROL.match(raw, at)
        if sequence:
            at = sequence.end()
            number, command = sequence[1], sequence[2]
            if command == "A":
                row -= int(number or 1)
            elif command == "K":
                assert number in ("2", ""), raw
                lines[row] = "" if number == "2" else lines[row][:column]
            else:
                assert command == "m" or number == "?25", repr(sequence[0])
            continue
        letter = raw[at]
        at += 1
        if letter == "\n":
            row += 1
            column = 0
            if row == len(lines):
                lines.append("")
        elif letter == "\r":
            column = 0
        else:
            assert letter.isprintable(), repr(letter)
            line = lines[row].ljust(column)
            lines[row] = line[:column] + letter + line[column + 1 :]
            column += 1
    return "\n".join(line.rstrip() for line in lines)
