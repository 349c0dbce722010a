"""The progress line as rich draws it: a bar, the steps, and the time that is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from reproaudit.printable import make_printable
from reproaudit.runs.time_left import TimeLeft, word_time_left

_LEAST_S = 0.1  # between two drawings
_BAR_COLUMNS = 24


class _Console(Console):
    def show_cursor(self, show: bool = True) -> bool:
        """Leave the cursor alone: were the process killed, nobody would bring it back."""
        return False


class RichLine:
    """One line that is drawn over; what is written goes above it, and nothing stays of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._time_left = TimeLeft()
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._steps: int | None = None
        self._done = 0
        self._drawn_s = 0.0
        # Names come from outside: nothing in them is markup, and no word of theirs is coloured.
        self._console = _Console(
            file=sys.stderr, force_terminal=True, markup=False, highlight=False, emoji=False
        )

    def stage(self, what: str, steps: int | None, more: int = 0) -> None:
        """Begin a run of `steps` steps, None if nobody knows, with `more` like it behind it."""
        self._time_left.begin(self._clock(), steps, more)
        self._steps = steps
        self._done = 0
        if self._progress is None:
            self._progress = self._make_line()
            self._progress.start()
        else:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(make_printable(what), total=steps, said="")
        self._draw()

    def step(self, done: int) -> None:
        """Show that so many steps are over: the furthest of several processes counts."""
        if self._progress is None or done <= self._done:
            return
        self._done = done
        now_s = self._clock()
        self._time_left.step(now_s, done)
        if now_s - self._drawn_s >= _LEAST_S:
            self._draw()

    def write(self, line: str) -> None:
        """Write a line above."""
        self._console.print(make_printable(line), soft_wrap=True)

    def close(self) -> None:
        """Take the line away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _draw(self) -> None:
        assert self._progress is not None
        now_s = self._drawn_s = self._clock()
        said = [f"{self._done}/{self._steps} steps"] if self._steps is not None else []
        left = word_time_left(self._time_left.estimate(now_s))
        said += [left] if left else []
        self._progress.update(self._task, completed=self._done, said=", ".join(said))
        self._progress.refresh()

    def _make_line(self) -> Progress:
        return Progress(
            TextColumn("{task.description}", markup=False),
            # Red, as rich has it, would say that something is wrong.
            BarColumn(_BAR_COLUMNS, complete_style="cyan", finished_style="cyan"),
            TextColumn("{task.fields[said]}", markup=False, style="dim"),
            console=self._console,
            transient=True,
            # No thread of its own: processes are forked meanwhile.
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
