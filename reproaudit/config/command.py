"""A subject that is a command: torchrun, a shell script, another Python. Which words are one."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

_PYTHON = re.compile(r"python[0-9.]*")
# Flags of Python that change nothing that an audit looks at: output that is not buffered.
_HARMLESS = ("-u",)
_PROGRAMS = (".py", ".ipynb")


def find_command(word: str, cwd: Path) -> str | None:
    """Return the path of what a shell would run for the word; None if it is no command.

    A Python file and a notebook are subjects themselves, though they may be executable.
    """
    if not word or word.endswith(_PROGRAMS) or "::" in word:
        return None
    if os.sep in word:
        path = os.fspath(cwd / word)
        return path if os.path.isfile(path) and os.access(path, os.X_OK) else None
    return shutil.which(word)


def is_command(word: str, cwd: Path) -> bool:
    """Return True if the word is plainly a command: a path says so, or that no file beside the user
    has its name."""
    is_path = os.sep in word
    return (is_path or not os.path.exists(cwd / word)) and find_command(word, cwd) is not None


def read_python(words: Sequence[str], cwd: Path) -> tuple[str, ...] | None:
    """Return what our own Python is told to run, as `("train.py", "--lr", "1")` or `("-m", …)`.

    None if the words start another program, or this one with flags that change the program.
    """
    path = find_command(words[0], cwd)
    if path is None or not _PYTHON.fullmatch(os.path.basename(words[0])):
        return None
    # A virtual environment's Python is a link to that of the system, which has other packages.
    is_ours = os.path.samefile(path, sys.executable) and os.path.samefile(
        os.path.dirname(path), os.path.dirname(sys.executable)
    )
    rest = list(words[1:])
    while rest and rest[0] in _HARMLESS:
        rest.pop(0)
    is_script = bool(rest) and rest[0].endswith(".py")
    is_module = len(rest) > 1 and rest[0] == "-m"
    return tuple(rest) if is_ours and (is_script or is_module) else None
