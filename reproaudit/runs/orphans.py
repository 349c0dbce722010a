"""Processes that a run leaves behind outside of its process group, as daemons and ranks are.

On Linux they can be adopted: what loses its parent becomes a child of ours, and is ended with the
run. Where nothing is adopted they are found by a mark in their environment. Elsewhere they live on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from reproaudit.prctl import set_subreaper
from reproaudit.runs.processes import list_all, list_children, read_environment

_WAIT_S = 5.0  # for those that were killed; one that waits for a device may take longer
_POLL_S = 0.005

_our_own: set[int] | None = None  # children that are no orphans; None: nothing is adopted
_mark = ""  # of those that are ended, in their environment; empty: of all


@contextlib.contextmanager
def adopt_orphans(*, mark: str = "") -> Iterator[None]:
    """Adopt what loses its parent within.

    In a process that is not ours alone, others start processes too: there, only those are ended
    whose environment has `mark`, as NAME=VALUE. What was adopted and has it not is left alone.
    """
    global _our_own, _mark
    if _our_own is not None or not set_subreaper(True):
        yield
        return
    _our_own = set(list_children(os.getpid()))
    _mark = mark
    try:
        yield
    finally:
        _our_own = None
        _mark = ""
        set_subreaper(False)


def keep_as_own(pid: int) -> None:
    """Say that a process was started by us, and is ended by whoever started it."""
    if _our_own is not None:
        _our_own.add(pid)


def end_orphans() -> None:
    """Kill what was adopted, and what that leaves in turn."""
    deadline = time.monotonic() + _WAIT_S
    while (found := _list_orphans()) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in found:
            _reap(pid, deadline)


def end_marked(mark: str) -> None:
    """Kill the processes in whose environment `mark` stands, as NAME=VALUE; who has started them
    reaps them.

    One may start another just before it is killed: they are looked for until there are none.
    """
    deadline = time.monotonic() + _WAIT_S
    while (found := _list_marked(mark)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_S)


def _list_marked(mark: str) -> list[int]:
    # One that has ended and was not reaped yet has no environment.
    return [pid for pid in list_all() if pid != os.getpid() and mark in read_environment(pid)]


def _list_orphans() -> list[int]:
    if _our_own is None:
        return []
    found = [pid for pid in list_children(os.getpid()) if pid not in _our_own]
    return [pid for pid in found if _is_foreign(pid) and _is_marked(pid)]


def _is_foreign(pid: int) -> bool:
    """Return True for a process of another session: a run has one of its own, our helpers none."""
    try:
        return os.getsid(pid) != os.getsid(0)
    except ProcessLookupError:
        return False


def _is_marked(pid: int) -> bool:
    return not _mark or _mark in read_environment(pid)


def _reap(pid: int, deadline: float) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(pid, os.WNOHANG) == (0, 0) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
