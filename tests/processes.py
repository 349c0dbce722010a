"""Watching processes that are nobody's child here."""

from __future__ import annotations

import os
import select

import pytest

needs_pidfd = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="watches processes through pidfd, which is Linux"
)


def has_ended(process: int) -> bool:
    """Wait for a process to end, much shorter than it would take to end by itself; a kill takes a
    moment to arrive."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 30)[0])
    finally:
        os.close(descriptor)
