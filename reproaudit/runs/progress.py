"""The progress line on stderr: which run, which step; plain lines where stderr is no terminal.

What is known by then stands above it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

from tqdm import tqdm

from reproaudit.model.early import EarlyFact
from reproaudit.printable import make_printable
from reproaudit.screen import shows_pictures

# What a fact is in words, as lines. Given from above: words are made by the reports.
Word = Callable[[EarlyFact], tuple[str, ...]]


def word_nothing(fact: EarlyFact) -> tuple[str, ...]:
    """Return no line, for whoever only shows how far it is."""
    return ()


class Progress(Protocol):
    """Where the experiment tells how far it is."""

    def stage(self, what: str, steps: int | None, more: int = 0) -> None:
        """Begin a stage of `steps` steps, None if that is not known.

        At least as far as is known, `more` stages like it follow.
        """

    def step(self, done: int) -> None:
        """Say that `done` steps of the stage are done."""

    def tell(self, fact: EarlyFact) -> None:
        """Say what is known by now."""


class TerminalProgress:
    """One bar per stage; the finished stages leave no lines behind. What is known stays."""

    def __init__(self, word: Word = word_nothing) -> None:
        self._word = word
        self._bar: tqdm | None = None

    def stage(self, what: str, steps: int | None, more: int = 0) -> None:
        self.close()
        self._bar = tqdm(
            desc=make_printable(what),
            total=steps,
            unit="step",
            leave=False,
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def step(self, done: int) -> None:
        if self._bar is None:
            return
        more = done - self._bar.n
        if more > 0:
            self._bar.update(more)

    def tell(self, fact: EarlyFact) -> None:
        for line in self._word(fact):
            self.write(line)

    def write(self, line: str) -> None:
        """Write a line above the bar."""
        tqdm.write(make_printable(line), file=sys.stderr)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class DrawnProgress:
    """A line that rich draws, with the time that is left. What is known stays above it."""

    def __init__(self, word: Word = word_nothing) -> None:
        # Not at the top: rich is an extra.
        from reproaudit.runs.rich_progress import RichLine

        self._word = word
        self._line = RichLine()

    def stage(self, what: str, steps: int | None, more: int = 0) -> None:
        self._line.stage(what, steps, more)

    def step(self, done: int) -> None:
        self._line.step(done)

    def tell(self, fact: EarlyFact) -> None:
        for line in self._word(fact):
            self.write(line)

    def write(self, line: str) -> None:
        """Write a line above."""
        self._line.write(line)

    def close(self) -> None:
        self._line.close()


class LineProgress:
    """One plain line per stage, and for what is known, for logs."""

    def __init__(self, word: Word = word_nothing) -> None:
        self._word = word

    def stage(self, what: str, steps: int | None, more: int = 0) -> None:
        self.write(what)

    def step(self, done: int) -> None:
        pass

    def tell(self, fact: EarlyFact) -> None:
        for line in self._word(fact):
            self.write(line)

    def write(self, line: str) -> None:
        """Write a line."""
        sys.stderr.write(f"reproaudit: {make_printable(line)}\n")

    def close(self) -> None:
        pass


class Quiet:
    """Nothing, for --quiet and for runs that nobody watches."""

    def stage(self, what: str, steps: int | None, more: int = 0) -> None:
        pass

    def step(self, done: int) -> None:
        pass

    def tell(self, fact: EarlyFact) -> None:
        pass

    def write(self, line: str) -> None:
        pass

    def close(self) -> None:
        pass


Shown = TerminalProgress | DrawnProgress | LineProgress | Quiet


class Prefixed:
    """Another progress, with what the stages and the lines belong to in front."""

    def __init__(
        self,
        inner: Shown,
        prefix: str,
        word: Word = word_nothing,
    ) -> None:
        self._inner = inner
        self._prefix = prefix
        self._word = word

    def stage(self, what: str, steps: int | None, more: int = 0) -> None:
        self._inner.stage(f"{self._prefix}: {what}", steps, more)

    def step(self, done: int) -> None:
        self._inner.step(done)

    def tell(self, fact: EarlyFact) -> None:
        for line in self._word(fact):
            self._inner.write(f"{self._prefix}: {line}")

    def close(self) -> None:
        self._inner.close()


def progress_for(quiet: bool, word: Word = word_nothing, *, plain: bool = False) -> Shown:
    """Return what fits stderr: a bar on a terminal, lines in a log; nothing if `quiet`.

    `word` makes lines of what is known before the audit ends. With `plain` rich draws nothing.
    """
    if quiet:
        return Quiet()
    if shows_pictures(sys.stderr) and not plain:
        return DrawnProgress(word)
    if sys.stderr.isatty():
        return TerminalProgress(word)
    return LineProgress(word)
