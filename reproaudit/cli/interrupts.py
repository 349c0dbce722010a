"""Signals that end a command: held while modules are imported, and alike to Ctrl-C after that."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Set

INTERRUPTS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})


@contextlib.contextmanager
def hold_interrupts(then: Set[int] | None = None) -> Iterator[None]:
    """Let the signals that arrive within come at its end.

    In the middle of an import an exception may get lost, or be taken for a broken package. `then`:
    the signals that are blocked afterwards, by default as they were.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before if then is None else then)


@contextlib.contextmanager
def interrupt_on_termination() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP like Ctrl-C.

    The audited program has a session of its own, so nobody but us can stop it.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        # Python lets only the main thread set a signal handler.
        yield
        return
    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Ignored by whoever started us, as nohup does: it stays so, for us and for the program.
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
