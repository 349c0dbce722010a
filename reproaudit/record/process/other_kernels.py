"""Kernels that execute cells of a notebook nobody has told us of: one that a command of the run
starts, as `jupyter execute` does, and one that is recorded from a cell of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def named_cells(shell: Any) -> Iterator[None]:
    """Name the code of the cells that IPython's shell has executed, and of the one that it is
    executing, by `In[n]`. Without a shell there are none."""
    named = dict(_list_cells(shell))
    for name, code in named.items():
        cells.name_code(name, code)
    try:
        yield
    finally:
        for name in named:
            cells.forget_code(name)


def _list_cells(shell: Any) -> Iterator[tuple[str, cells.CellCode]]:
    # Which number the code of a file name had last. IPython has no public way to ask.
    numbers = getattr(getattr(shell, "compile", None), "_filename_map", {})
    history = getattr(shell, "history_manager", None)
    for name, number in numbers.items():
        if history is None or not 0 < number < len(history.input_hist_raw):
            continue
        before = Cell(number, history.input_hist_raw[number]).lines_before
        text = history.input_hist_parsed[number]
        yield name, cells.CellCode(_UNKNOWN, number, before, text)
