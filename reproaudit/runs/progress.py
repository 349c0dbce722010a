"""The progress line on stderr: which run, which step; plain lines where stderr is no terminal."""

from __future__ import annotations

import sys
from typing import Protocol

from tqdm import tqdm

from reproaudit.printable import make_printable


class Progress(Protocol):
    """Where the experiment tells how far it is."""

    def stage(self, what: str, steps: int | None) -> None:
        """Begin a stage of `steps` steps, None if that is not known."""

    def step(self, done: int) -> None:
        """Say that `done` steps of the stage are done."""


class TerminalProgress:
    """One bar per stage; the finished stages leave no lines behind."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def stage(self, what: str, steps: int | None) -> None:
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

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class LineProgress:
    """One plain line per stage, for logs."""

    def stage(self, what: str, steps: int | None) -> None:
        sys.stderr.write(f"reproaudit: {make_printable(what)}\n")

    def step(self, done: int) -> None:
        pass

    def close(self) -> None:
        pass


class Quiet:
    """Nothing, for --quiet and for runs that nobody watches."""

    def stage(self, what: str, steps: int | None) -> None:
        pass

    def step(self, done: int) -> None:
        pass

    def close(self) -> None:
        pass


class Prefixed:
    """Another progress, with what the stages belong to in front."""

    def __init__(self, inner: TerminalProgress | LineProgress | Quiet, prefix: str) -> None:
        self._inner = inner
        self._prefix = prefix

    def stage(self, what: str, steps: int | None) -> None:
        self._inner.stage(f"{self._prefix}: {what}", steps)

    def step(self, done: int) -> None:
        self._inner.step(done)

    def close(self) -> None:
        self._inner.close()


def progress_for(quiet: bool) -> TerminalProgress | LineProgress | Quiet:
    """Return what fits stderr: a bar on a terminal, lines in a log; nothing if `quiet`."""
    if quiet:
        return Quiet()
    if sys.stderr.isatty():
        return TerminalProgress()
    return LineProgress()
