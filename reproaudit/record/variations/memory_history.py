"""Memory that was used before: blocks that are allocated, written and freed."""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold

_WRITTEN = 0xA5
_SMALLEST, _LARGEST = 1 << 6, 1 << 24  # bytes
_OF_EACH = 3  # blocks of each size; every second one is kept until all are made


def install(value: str, reach: Reach, hold: Hold) -> None:
    reach.when_imported("torch", functools.partial(_use_memory, hold))


def _use_memory(hold: Hold) -> None:
    """Leave holes of many sizes in what the allocator hands out."""
    import torch

    blocks = []
    size = _SMALLEST
    while size <= _LARGEST:
        for _ in range(_OF_EACH):
            blocks.append(torch.empty(size, dtype=torch.uint8).fill_(_WRITTEN))
        size *= 2
    del blocks[::2]
    hold.take()
