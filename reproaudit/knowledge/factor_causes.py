"""Which cause a variation is, where something of the program depends on it."""

from __future__ import annotations

from reproaudit.knowledge.wanted import ARGUMENT, ENVIRONMENT
from reproaudit.model.cause import Cause

_CAUSES = {
    "threads": Cause.THREAD_COUNT,
    "interop_threads": Cause.THREAD_COUNT,
    "hash_seed": Cause.HASH_ORDER,
    "memory": Cause.UNINITIALIZED_MEMORY,
    "cpu": Cause.HARDWARE,
    "device": Cause.HARDWARE,
    "time": Cause.CLOCK,
    "timezone": Cause.CLOCK,
    "fileordering": Cause.FILESYSTEM_ORDER,
    "load": Cause.THREAD_RACE,
    "mkldnn": Cause.KERNEL,
    "memory_format": Cause.KERNEL,
    "compile": Cause.KERNEL,
    "tf32": Cause.KERNEL,
    "foreach": Cause.KERNEL,
    "fused": Cause.KERNEL,
    "world_size": Cause.COLLECTIVE_ORDER,
    "bucket_size": Cause.COLLECTIVE_ORDER,
}


def find_cause_of_factor(factor: str) -> Cause | None:
    """Return the cause; None for a variation that may act in several ways, as a variable that only
    the program knows.

    `factor` is the variation's name in the table.
    """
    if is_programs_own(factor):
        return None
    # One part of a variation, such as "cpu.mkl", acts as the whole.
    return _CAUSES.get(factor.partition(".")[0])


def is_programs_own(factor: str) -> bool:
    """Return True for a variable or an option that only the program knows."""
    return factor.startswith((ENVIRONMENT, ARGUMENT))
