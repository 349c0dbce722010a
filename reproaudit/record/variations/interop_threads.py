"""The number of threads that run operators side by side."""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.one_thread import hold_threads
from reproaudit.record.variations.hold import Hold


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Set it, and ignore what the program sets: torch takes no second number."""
    reach.when_imported("torch", functools.partial(_set_number, int(value), hold))
    hold_threads(reach, "set_num_interop_threads")


def _set_number(number: int, hold: Hold) -> None:
    import torch

    torch.set_num_interop_threads(number)
    hold.take()
