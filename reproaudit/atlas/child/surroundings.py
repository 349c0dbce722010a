"""What a call runs in: random state, threads, content of fresh memory, and a busy neighbour."""

from __future__ import annotations

import ctypes
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from reproaudit.record.operation.device_load import DeviceLoad

SEED = 20240229
FILLS = (0x55, 0x33)  # fresh memory holds the complement of one of these
_M_PERTURB = -6  # of glibc's mallopt
_OVERSUBSCRIPTION = 4  # threads per core under contention
# The CUDA allocator serves up to 1 MiB from a pool of its own.
_SMALL_BYTES = 1 << 20
_SMALL_BLOCKS = 16
_LARGE_BYTES = (256 << 20, 32 << 20)
_BUSY_CALLS = 20

_mallopt = getattr(ctypes.CDLL(None), "mallopt", None)


def seed_everything() -> None:
    """Put every generator that an op may draw from into one state."""
    torch.default_generator.manual_seed(SEED)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(SEED)
    np.random.seed(SEED)
    random.seed(SEED)


def random_state(device: str) -> bytes:
    state = bytes(torch.get_rng_state().tolist())
    if device == "cuda":
        state += bytes(torch.cuda.get_rng_state().tolist())
    return state


def synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def check_device(device: str) -> None:
    """Raise if CUDA was lost: after a failed assertion in a kernel every later call fails too.

    Nobody catches it, so the worker ends, what it was at is noted as crashed, and a fresh one goes
    on.
    """
    if device == "cuda":
        torch.cuda.synchronize()
        torch.zeros(1, device=device).item()


def fill_memory(device: str, byte: int) -> None:
    """Have memory that a call allocates hold the complement of `byte`; 0 leaves it as it comes.

    On the CPU glibc does it for each allocation, if the worker was started without its thread
    caches. On CUDA blocks of all usual sizes are filled and returned to the allocator, so this is
    called before each call.
    """
    if _mallopt is not None:
        _mallopt(_M_PERTURB, byte)
    if device == "cuda" and byte:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        sizes = [_SMALL_BYTES] * _SMALL_BLOCKS + list(_LARGE_BYTES)
        blocks = [
            torch.full((size,), byte ^ 0xFF, dtype=torch.uint8, device=device) for size in sizes
        ]
        torch.cuda.synchronize()
        # Freed all at once: freed one by one, the first would be handed out again and again.
        del blocks


def can_fill(device: str) -> bool:
    return device == "cuda" or _mallopt is not None


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with so many intra-op threads, and with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def count_crowding(device: str) -> int:
    """Return the number of threads under contention; on CUDA threads of the CPU decide nothing."""
    if device == "cuda":
        return torch.get_num_threads()
    return _OVERSUBSCRIPTION * (os.cpu_count() or 1)


class Neighbour:
    """A second CUDA stream that computes while the call runs.

    On the CPU it does nothing: there more threads than cores disturb each other.
    """

    def __init__(self, device: str) -> None:
        self._load = DeviceLoad(torch.device(device), _BUSY_CALLS) if device == "cuda" else None

    def disturb(self) -> None:
        """Queue work that overlaps with what the caller launches next on its own stream."""
        if self._load is not None:
            self._load.queue()
