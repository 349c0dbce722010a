"""Has the processes that this one starts enter the recorder, each with its place.

The program does not see the variables in `os.environ`. They stand in the environment that C code
sees, which children inherit, and are added where the program gives a child an environment of its
own. A place is given to what `subprocess` and `multiprocessing` start; others find their own.
"""

from __future__ import annotations

import _posixsubprocess
import collections
import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.places import shorten_name
from reproaudit.startup import (
    PATH_VARIABLE,
    PLACE_VARIABLE,
    SITE_VARIABLE,
    VARIABLES,
    put_first,
)

SPAWNED = "from multiprocessing.spawn import spawn_main"
SERVER = "from multiprocessing.forkserver import main"
TRACKER = "from multiprocessing.resource_tracker import main"
_ENV = 5  # which of the arguments of fork_exec is the environment
_getpid = os.getpid
_fsencode = os.fsencode
_putenv = os.putenv
_unsetenv = os.unsetenv


class Arming:
    """Stands in for what starts processes for the rest of this one. `above` is its own label."""

    def __init__(self, above: str = "") -> None:
        self._above = above
        self._counts: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self._armed = _hide_variables()
        self._fork_exec: Callable[..., int] = _posixsubprocess.fork_exec
        self._posix_spawn: Callable[..., int] = os.posix_spawn
        self._execve: Callable[..., NoReturn] = os.execve

    def watch(self) -> None:
        _posixsubprocess.fork_exec = self._start
        # From Python 3.11 on, subprocess has a name of its own for it.
        if hasattr(subprocess, "_fork_exec"):
            subprocess._fork_exec = self._start
        patches = Patches()  # never undone
        patches.replace_in_os("posix_spawn", self._spawn)
        patches.replace_in_os("execve", self._become)
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
        place = self._make_place(args)
        if env is not None:
            armed = [_fsencode(f"{name}={value}") for name, value in self._arm(_read(env), place)]
            return self._fork_exec(*given[:_ENV], armed, *given[_ENV + 1 :])
        with self._lock:
            _putenv(PLACE_VARIABLE, place)
            try:
                return self._fork_exec(*given)
            finally:
                _unsetenv(PLACE_VARIABLE)

    def _spawn(self, path: Any, argv: Any, env: Mapping[Any, Any], /, **kwargs: Any) -> int:
        armed = dict(self._arm(_decode(env), self._make_place(argv)))
        return self._posix_spawn(path, argv, armed, **kwargs)

    def _become(self, path: Any, argv: Any, env: Mapping[Any, Any]) -> NoReturn:
        self._execve(path, argv, dict(self._arm(_decode(env), "")))

    def _make_place(self, args: Sequence[Any]) -> str:
        name = name_process(args)
        if not name:
            return ""
        return f"{_getpid()}:{self.next_label(name)}:{os.environ.get('RANK', '')}"

    def _arm(self, env: Iterable[tuple[str, str]], place: str) -> Iterator[tuple[str, str]]:
        """Yield the environment of a child with our variables."""
        site = self._armed.get(SITE_VARIABLE)
        path = ""
        for name, value in env:
            if name == PATH_VARIABLE and site:
                path = value
            elif name != PLACE_VARIABLE and name not in self._armed:
                yield name, value
        yield from self._armed.items()
        yield PLACE_VARIABLE, place
        if site:
            yield PATH_VARIABLE, put_first(site, path)


def _hide_variables() -> dict[str, str]:
    """Return our variables, and take them out of what the program sees of its environment."""
    _unsetenv(PLACE_VARIABLE)
    found = {}
    for name in VARIABLES:
        value = os.environ.pop(name, None)
        # A place is that of one process alone.
        if value is not None and name != PLACE_VARIABLE:
            found[name] = value
            _putenv(name, value)
    return found


def _read(env: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    for assignment in env:
        name, _, value = os.fsdecode(assignment).partition("=")
        yield name, value


def _decode(env: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    for name, value in env.items():
        yield os.fsdecode(name), os.fsdecode(value)


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
