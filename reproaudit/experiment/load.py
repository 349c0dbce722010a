"""Deciding runs beside busy neighbours: a race that is rare on an idle machine shows there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from reproaudit.runs.neighbours import keep_cores_busy
from reproaudit.trace.runs import Run


class Load:
    """Knows which runs have load: every second one, if it is wanted. The first has none."""

    def __init__(self, *, is_wanted: bool) -> None:
        self._is_wanted = is_wanted
        self._loaded: list[Run] = []

    def describe(self, index: int) -> str:
        """Return what is added to the name of a run."""
        return ", beside busy processes" if self._is_for(index) else ""

    @contextlib.contextmanager
    def put_beside(self, index: int) -> Iterator[None]:
        """Keep the cores busy within, if run number `index` is to have load."""
        if not self._is_for(index):
            yield
            return
        with keep_cores_busy():
            yield

    def take(self, run: Run) -> None:
        """Take note of a run that was made."""
        if self._is_for(run.index):
            self._loaded.append(run)

    def list_loaded(self, runs: Sequence[Run]) -> tuple[int, ...]:
        """Return the numbers of those of the runs that had load.

        They may be numbered anew since they were made.
        """
        loaded = {id(run.main) for run in self._loaded}
        return tuple(run.index for run in runs if id(run.main) in loaded)

    def _is_for(self, index: int) -> bool:
        return self._is_wanted and index % 2 == 1
