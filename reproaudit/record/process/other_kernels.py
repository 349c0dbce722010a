"""Kernels that a command of the run starts, as `jupyter execute` does."""

from __future__ import annotations

from typing import Any

from reproaudit.config.notebook import Cell
from reproaudit.record.hooks import cells

_UNKNOWN = "<notebook>"


def number_cells() -> None:
    """Name the code of cells by `In[n]`, in a kernel that another program has started.

    Which notebook it executes is known to that program alone. The files that Jupyter names have the
    number of the process in their path.
    """
    from ipykernel.compiler import XCachingCompiler

    cache = XCachingCompiler.cache

    def name_code(self: Any, transformed: str, number: int = 0, raw_code: str | None = None) -> Any:
        name = cache(self, transformed, number, raw_code)
        if number and isinstance(name, str):
            raw = transformed if raw_code is None else raw_code
            before = Cell(number, raw).lines_before
            cells.name_code(name, cells.CellCode(_UNKNOWN, number, before, transformed))
        return name

    XCachingCompiler.cache = name_code
