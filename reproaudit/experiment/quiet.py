"""Progress of an audit that is only the beginning of another question."""

from __future__ import annotations

from reproaudit.model.early import EarlyFact
from reproaudit.runs.progress import Progress


class QuietProgress:
    """Shows how far it is. That the plain runs are equal is no answer yet: it is not told."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def stage(self, what: str, steps: int | None, more: int = 0) -> None:
        self._progress.stage(what, steps, more)

    def step(self, done: int) -> None:
        self._progress.step(done)

    def tell(self, fact: EarlyFact) -> None:
        pass
