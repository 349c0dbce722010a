"""Owns the closed list of causes. A module of its own, for help reads tables that name them."""

from __future__ import annotations

from enum import Enum


class Cause(str, Enum):
    """Why a source differs: DESIGN's closed list."""

    UNSEEDED_RNG = "unseeded-rng"
    RNG_ORDER = "rng-order"
    WORKER_SEED = "worker-seed"
    DATA_ORDER = "data-order"
    HASH_ORDER = "hash-order"
    FILESYSTEM_ORDER = "filesystem-order"
    CLOCK = "clock"
    EXTERNAL_LIBRARY = "external-library"
    KERNEL = "kernel"
    COLLECTIVE_ORDER = "collective-order"
    THREAD_RACE = "thread-race"
    UNINITIALIZED_MEMORY = "uninitialized-memory"
    CARRIED_STATE = "carried-state"
    THREAD_COUNT = "thread-count"
    HARDWARE = "hardware"
    UNKNOWN = "unknown"
