"""Keeps the process that does the work: if it is killed, whatever it had started is ended. Linux.

The work is done by a child. A daemon that a program started belongs to nobody once the auditing
process is killed; the keeper inherits it then. If the keeper itself is killed, the kernel sends
SIGTERM to the child, which ends everything itself. Only if both are killed at once, what has a
session of its own lives on.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Set
from typing import NoReturn

from reproaudit.cli.interrupts import INTERRUPTS
from reproaudit.prctl import set_death_signal
from reproaudit.runs.orphans import adopt_orphans, end_orphans, keep_as_own

_FAILED = 2  # not audited


def keep(work: Callable[[Set[int]], int], mask: Set[int]) -> int:
    """Do the work in a child, and return its exit code. Where that cannot be, do it here.

    INTERRUPTS are blocked, and stay so here: what arrives is for the child. The work gets the
    signals that were blocked before that, and unblocks the others when it is ready.
    """
    # Ignored by whoever started us, a child that has ended would be reaped by the kernel: nobody
    # would learn how it ended, and the keeper would wait for ever.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if not sys.platform.startswith("linux"):
        return work(mask)
    keeper = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        child = os.fork()
    except OSError:  # no room for a process
        return work(mask)
    if child == 0:
        _work(work, mask, keeper)
    with adopt_orphans():
        keep_as_own(child)
        status = _wait(child)
        end_orphans()
    if os.WIFSIGNALED(status):
        _end_alike(os.WTERMSIG(status))
    return os.waitstatus_to_exitcode(status)


def _work(work: Callable[[Set[int]], int], mask: Set[int], keeper: int) -> NoReturn:
    """Do the work, and end this process with its exit code.

    Not through the interpreter's end: that would not keep the code once an interrupt has come while
    a text was run as code, as `namedtuple` does.
    """
    code = _FAILED
    try:
        set_death_signal(signal.SIGTERM)
        if os.getppid() == keeper:
            code = work(mask)
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)


def _wait(child: int) -> int:
    """Pass on the signals that only this process was sent until the child has ended; return its
    status."""
    while True:
        received = signal.sigwaitinfo(INTERRUPTS | {signal.SIGCHLD})
        if received.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status
        elif received.si_code <= 0:
            # A process sent it. A terminal sends to the whole group, and the child has it already.
            os.kill(child, received.si_signo)


def _end_alike(number: int) -> None:
    """End as the child did, so that whoever waits for us learns of it."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
