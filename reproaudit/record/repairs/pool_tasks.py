"""Seeds for the tasks of joblib's process pools: one per task, so that it is the same in whichever
worker the task comes to run.

joblib's own workers are new interpreters, which nothing enters: what is sent to them is changed.
"""

from __future__ import annotations

import functools
import itertools
import os
import random
import sys
from collections.abc import Callable
from typing import Any

from reproaudit.record.repairs import SEED, Reach

_POOL = "joblib.parallel"
_getpid = os.getpid


class SeededTask:
    """A function of the program that is called in another process, and seeds its streams first."""

    def __init__(self, function: Callable[..., Any], number: int) -> None:
        self._function = function
        self._seed = SEED + number
        self._parent = _getpid()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # Threads of this process share its streams, which the program may have seeded.
        if _getpid() != self._parent:
            self._seed_streams()
        return self._function(*args, **kwargs)

    def _seed_streams(self) -> None:
        random.seed(self._seed)
        for name, function in (("numpy.random", "seed"), ("torch", "manual_seed")):
            module = sys.modules.get(name)
            if module is not None:
                getattr(module, function)(self._seed)


def install(reach: Reach) -> None:
    """Number the tasks in the order in which they are sent."""
    reach.when_imported(_POOL, functools.partial(_seed_tasks, reach))


def _seed_tasks(reach: Reach) -> None:
    calls = getattr(sys.modules[_POOL], "BatchedCalls", None)
    if calls is None:
        return
    numbers = itertools.count()
    original = calls.__init__

    @functools.wraps(original)
    def initialise(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.items = [
            (SeededTask(function, next(numbers)), given, named)
            for function, given, named in self.items
        ]

    reach.patches.replace(calls, "__init__", initialise)
