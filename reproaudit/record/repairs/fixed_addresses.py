"""Objects have the same addresses in each run: the order of a set of objects follows from them."""

from __future__ import annotations

import ctypes
import os
import sys

from reproaudit.record.repairs import Reach

_ASK = 0xFFFFFFFF  # changes nothing
_ADDR_NO_RANDOMIZE = 0x0040000  # of Linux's <sys/personality.h>
_FAILED = -1

_execv = os.execv


def install(reach: Reach) -> None:
    """Begin this process anew without random addresses, which its children inherit.

    Where the operating system has no such switch, or refuses it, nothing is changed.
    """
    personality = getattr(ctypes.CDLL(None), "personality", None)
    if personality is None:
        return
    now = personality(_ASK)
    if now == _FAILED or now & _ADDR_NO_RANDOMIZE:
        return
    if personality(now | _ADDR_NO_RANDOMIZE) == _FAILED:
        return
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    _execv(sys.executable, sys.orig_argv)
