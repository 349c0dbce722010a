"""Ends the audited process with the one that started it, however that ends. Linux."""

from __future__ import annotations

import os
import signal
import sys

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent`, which started it, is gone.

    It holds across `exec`, and not for what the program starts.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, int(signal.SIGKILL))
    except (ImportError, OSError, AttributeError):
        return
    # It may have gone before the kernel was asked.
    if os.getppid() != parent:
        os._exit(0)
