"""Has the processes that this one starts enter the recorder, each with its place.

The variables reach them also where the program gives a child an environment of its own. Only what
`fork_exec` starts is seen here, as `subprocess` and `multiprocessing` do: others inherit the
variables, and find their place themselves.
"""

from __future__ import annotations

import _posixsubprocess
import collections
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import Any

from reproaudit.record.process.places import shorten_name
from reproaudit.startup import (
    ENTRY_VARIABLE,
    PLACE_VARIABLE,
    PLAN_VARIABLE,
    SITE_VARIABLE,
    put_first,
)

_VARIABLES = (ENTRY_VARIABLE, PLAN_VARIABLE, SITE_VARIABLE)
_PATH_VARIABLE = "PYTHONPATH"
SPAWNED = "from multiprocessing.spawn import spawn_main"
SERVER = "from multiprocessing.forkserver import main"
TRACKER = "from multiprocessing.resource_tracker import main"
_ENV = 5  # which of the arguments of fork_exec is the environment
_getpid = os.getpid
_fsencode = os.fsencode


class Arming:
    """Stands in for `fork_exec` for the rest of this process. `above` is its own label."""

    def __init__(self, above: str = "") -> None:
        self._above = above
        self._counts: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self._armed = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
        self._fork_exec: Callable[..., int] = _posixsubprocess.fork_exec

    def watch(self) -> None:
        _posixsubprocess.fork_exec = self._start
        # From Python 3.11 on, subprocess has a name of its own for it.
        if hasattr(subprocess, "_fork_exec"):
            subprocess._fork_exec = self._start
        os.register_at_fork(after_in_child=self._begin_anew)

    def next_label(self, name: str) -> str:
        """Return the label of the next process of this name; a process of no name has a number."""
        with self._lock:
            self._counts[name] += 1
            return f"{self._above}{name}-{self._counts[name]}"

    def _begin_anew(self) -> None:
        """In a forked child: its own children are no siblings of ours."""
        self._lock = threading.Lock()
        self._counts.clear()
        self._above = f"{self._above}fork-"

    def _start(self, *given: Any) -> int:
        """The same as `fork_exec`, whose arguments have no names."""
        args, env = given[0], given[_ENV]
        name = name_process(args)
        place = ""
        if name:
            place = f"{_getpid()}:{self.next_label(name)}:{os.environ.get('RANK', '')}"
        if env is not None:
            armed = self._arm(env, place)
            return self._fork_exec(*given[:_ENV], armed, *given[_ENV + 1 :])
        # What C code has put into the environment is not in os.environ: the child inherits both.
        with self._lock:
            before = os.environ.get(PLACE_VARIABLE)
            os.environ.update(self._armed)
            os.environ[PLACE_VARIABLE] = place
            try:
                return self._fork_exec(*given)
            finally:
                if before is None:
                    del os.environ[PLACE_VARIABLE]
                else:
                    os.environ[PLACE_VARIABLE] = before

    def _arm(self, env: Sequence[bytes], place: str) -> list[bytes]:
        """Return the environment of a child with our variables."""
        variables = {**self._armed, PLACE_VARIABLE: place}
        site = self._armed.get(SITE_VARIABLE)
        kept = []
        for assignment in env:
            name, _, value = os.fsdecode(assignment).partition("=")
            if name == _PATH_VARIABLE and site:
                variables[_PATH_VARIABLE] = put_first(site, value)
            elif name not in variables:
                kept.append(assignment)
        if site:
            variables.setdefault(_PATH_VARIABLE, site)
        return [*kept, *(_fsencode(f"{name}={value}") for name, value in variables.items())]


def name_process(args: Sequence[Any]) -> str:
    """Return by which name a process is counted among those that its parent starts; "" for one
    that is no run of the program."""
    words = [os.fsdecode(word) for word in args]
    for word in words[1:]:
        if word.startswith((SERVER, TRACKER)):
            return ""
        if word.startswith(SPAWNED):
            return "spawned"
    return shorten_name(words[0]) if words else ""
