"""Progress where Python code asks for it: a terminal, a log, or the output of a notebook cell."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from reproaudit.model.early import EarlyFact
from reproaudit.printable import make_printable
from reproaudit.runs.progress import Shown, Word, progress_for

_LEAST_S = 0.25  # between two messages to the notebook


class NotebookProgress:
    """One output of the cell, whose last line says how far it is; what is known stays above it.

    It is text: no widget has to be installed, and a notebook that is saved has no script of ours.
    """

    def __init__(self, word: Word, clock: Callable[[], float] = time.monotonic) -> None:
        self._word = word
        self._clock = clock
        self._handle: Any = None  # IPython's, of the output
        self._known: list[str] = []
        self._what = ""
        self._steps: int | None = None
        self._done = 0
        self._shown_s = 0.0

    def stage(self, what: str, steps: int | None, more: int = 0) -> None:
        self._what = what
        self._steps = steps
        self._done = 0
        self._show()

    def step(self, done: int) -> None:
        if done > self._done:
            self._done = done
            if self._clock() - self._shown_s >= _LEAST_S:
                self._show()

    def tell(self, fact: EarlyFact) -> None:
        lines = self._word(fact)
        if lines:
            self._known += lines
            self._show()

    def close(self) -> None:
        """Take away the line that says how far it is."""
        self._what = ""
        self._show()

    def _show(self) -> None:
        self._shown_s = self._clock()
        lines = list(self._known)
        if self._what:
            lines.append(self._what + self._describe_steps())
        content = {"text/plain": "\n".join(map(make_printable, lines))}
        if self._handle is not None:
            self._handle.update(content, raw=True)
        elif lines:
            from IPython.display import display

            self._handle = display(content, raw=True, display_id=True)

    def _describe_steps(self) -> str:
        if self._steps is None:
            return f": {self._done} steps" if self._done else ""
        return f": {self._done}/{self._steps} steps"


def choose_progress(quiet: bool, word: Word) -> Shown | NotebookProgress:
    """Return what fits where this process is asked: see `progress_for`; in a notebook the output of
    the cell."""
    if not quiet and is_notebook():
        return NotebookProgress(word)
    return progress_for(quiet, word)


def is_notebook() -> bool:
    """Return True in a kernel of Jupyter's, as that of a notebook is."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None
