"""The first run of an audit, which may have to compile what all later ones find compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from reproaudit.model.events import Unchecked
from reproaudit.runs.compiler_cache import CompilerCache
from reproaudit.runs.lab import Lab
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run, open_run

_COLD = "compiling-run"


class FirstRun:
    """Makes the first run, twice if it filled the compiler's cache.

    A run that compiles is no run like the others: it takes longer, and other things happen in it.
    `goes_on`: the steps that it makes, and the seconds within which it makes more than these.
    """

    def __init__(
        self, lab: Lab, *, fresh_copy: bool, goes_on: tuple[int | None, float] | None
    ) -> None:
        self._lab = lab
        self._goes_on = goes_on
        self._cache = CompilerCache(lab.settings, lab.subject.cwd)
        # One that the user named outlives a run with files of its own.
        self._is_cache_shared = not fresh_copy or self._cache.is_named
        self._cold: Run | None = None

    def make(self, request: RunRequest) -> Run:
        """Make the run that is compared with the others."""
        if self._goes_on is not None:
            steps, goes_on_s = self._goes_on
            request = replace(request, steps=steps, goes_on_s=goes_on_s)
        files = self._cache.count_files()
        run = self._lab.run(request)
        codes = {note.code for note in run.main.notes}
        is_cold = Unchecked.COMPILED_REGIONS in codes and self._cache.count_files() > files
        if not is_cold or not self._is_cache_shared:
            return run
        self._cold = open_run(self._lab.rename(request.name, _COLD), run.index)
        return self._lab.run(replace(request, what=f"{request.what}, with what is now compiled"))

    def add_cold(
        self, runs: Sequence[Run], are_equal: Callable[[Sequence[Run]], bool]
    ) -> list[Run]:
        """Return the runs, before them the one that compiled if it alone gave something else.

        It may have left other things behind as well. One that was stopped at another step cannot
        be compared.
        """
        cold = self._cold
        if cold is None or cold.steps != runs[0].steps or cold.outcome != runs[0].outcome:
            return list(runs)
        if not are_equal(runs) or are_equal([cold, runs[0]]):
            return list(runs)
        return [replace(run, index=index) for index, run in enumerate([cold, *runs])]
