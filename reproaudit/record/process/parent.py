"""Ends the audited process with the one that started it, however that ends. Linux."""

from __future__ import annotations

import os
import signal

from reproaudit.prctl import set_death_signal


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent`, which started it, is gone."""
    if not set_death_signal(signal.SIGKILL):
        return
    # It may have gone before the kernel was asked.
    if os.getppid() != parent:
        os._exit(0)
