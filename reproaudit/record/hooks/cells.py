"""The cells of the notebook that this process executes: which code is of which cell."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CellCode:
    """Code of a cell: `path` is the notebook's, `text` what was compiled.

    Its first line has `lines_before` lines of the cell above it.
    """

    path: str
    cell: int
    lines_before: int
    text: str

    def line(self, line: int) -> int:
        """Return the line of the cell for a line of the code."""
        return line + self.lines_before


# What executes cells, and is no library that the program uses: only where cells are executed.
_DRIVERS = (
    "IPython comm ipykernel jupyter_client jupyter_core matplotlib_inline psutil tornado "
    "traitlets zmq"
).split()

# Variables that IPython puts beside those of the cells: what was asked and answered, and its exits.
_OF_SHELL = re.compile(r"In|Out|exit|quit|get_ipython|_{1,3}|_i{1,3}|_i?\d+|_[dio]h|_exit_code")

# By the name of the file that IPython says the code is of. Cells of equal text have the same name:
# it stands for the one that was executed last.
_known: dict[str, CellCode] = {}


def name_code(filename: str, code: CellCode) -> None:
    """Say that code of this file name is a cell's."""
    _known[filename] = code


def is_driver(path: str) -> bool:
    """Return True for a file, by its resolved path, of what executes the cells of this process."""
    return bool(_known) and any(f"-packages{os.sep}{name}{os.sep}" in path for name in _DRIVERS)


def is_of_shell(variable: str) -> bool:
    """Return True for a variable among those of the cells that none of them has made."""
    return bool(_known) and _OF_SHELL.fullmatch(variable) is not None


def forget_code(filename: str) -> None:
    """Say that code of this file name, from now on, is no cell's."""
    _known.pop(filename, None)


def find_code(filename: str) -> CellCode | None:
    """Return the cell that code of this file name is of; None for any other file."""
    return _known.get(filename)
