"""Forks of a process that is recorded for a while, and not from its beginning to its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reproaudit.record.session import Recorder


class Forks:
    """Follows forks for whichever recording is going on.

    There is one for the process, because a hook on forks cannot be taken back.
    """

    def __init__(self) -> None:
        self.recorder: Recorder | None = None
        self.in_child: list[Callable[[int], None]] = []
        self._count = 0
        self._is_hooked = False

    def hook(self) -> None:
        if not self._is_hooked:
            self._is_hooked = True
            os.register_at_fork(before=self._before, after_in_child=self._after_in_child)

    @contextmanager
    def follow(self) -> Iterator[None]:
        """Forget at the end which recorder is followed, and what is done in a child."""
        self.in_child = []
        try:
            yield
        finally:
            self.recorder = None
            self.in_child = []

    def _before(self) -> None:
        self._count += 1
        if self.recorder is not None:
            self.recorder.before_fork()

    def _after_in_child(self) -> None:
        number = self._count
        self._count = 0
        if self.recorder is not None:
            self.recorder.after_fork_in_child()
        for action in self.in_child:
            action(number)


forks = Forks()
