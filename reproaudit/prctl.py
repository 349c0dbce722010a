"""What of Linux's prctl(2) is used. Elsewhere nothing is done.

The recorder and whoever starts it both need it, and neither imports the other.
"""

from __future__ import annotations

import os
import signal
import sys

_SET_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36


def set_death_signal(number: int) -> bool:
    """Have this process sent a signal when the thread that started it is gone.

    It holds across `exec`, and not for what this process starts. Return True if that could be done.
    """
    return _control(_SET_DEATH_SIGNAL, number)


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent`, which started it, is gone."""
    if not set_death_signal(signal.SIGKILL):
        return
    # It may have gone before the kernel was asked.
    if os.getppid() != parent:
        os._exit(0)


def set_subreaper(wanted: bool) -> bool:
    """Have what loses its parent below this process become its child, or no longer.

    Return True if that could be done.
    """
    return _control(_SET_CHILD_SUBREAPER, int(wanted))


def _control(what: int, value: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        import ctypes

        result: int = ctypes.CDLL(None).prctl(what, value)
    except (ImportError, OSError, AttributeError):
        return False
    return result == 0
