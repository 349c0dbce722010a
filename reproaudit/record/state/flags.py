"""The flag of `torch.use_deterministic_algorithms`: read, set and put back, here and nowhere else.

The flag has three parts: whether it is on, whether it only warns, and whether memory that torch
hands out undefined is filled while it is on. Whoever changes one part has to put back all three.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from reproaudit.record import torch_private
from reproaudit.record.torch_private import (
    deterministic_only_warns,
    fills_memory,
    set_deterministic,
    set_deterministic_publicly,
)

_REFUSALS = ("deterministic", "CUBLAS_WORKSPACE_CONFIG")

FlagState = tuple[bool, bool, bool]  # it is on, it only warns, it fills memory

is_on = torch_private.is_deterministic
set_fill = torch_private.set_fill


def may_differ_where_strict() -> bool:
    """Return True if some kernel may compute otherwise under a flag that raises than under one that
    warns.

    Fused attention on a GPU does: its backward pass has an order only under the strict flag. On the
    CPU the two differ in nothing but the error. Asks for devices as torch does, by NVML where it
    can, so that CUDA stays as it is.
    """
    return torch.backends.cuda.is_built() and torch.cuda.device_count() > 0


def read_flag() -> FlagState:
    """Return the state that `put_back` takes."""
    return is_on(), deterministic_only_warns(), fills_memory()


def set_strict() -> FlagState:
    """Turn the flag on so that it raises, without its fill; return the state before.

    Not a context manager: ops are run under it one by one.
    """
    before = is_on(), deterministic_only_warns(), fills_memory()
    # The fill would hide reads of undefined memory, which are a cause of their own.
    set_fill(False)
    set_deterministic(True, warn_only=False)
    return before


def set_off() -> FlagState:
    """Turn the flag off and leave its other parts; return the state before."""
    before = read_flag()
    set_deterministic(False, warn_only=before[1])
    return before


def set_warning(only_warns: bool) -> None:
    """Have the flag, which is on, only warn or raise again; its fill stays."""
    set_deterministic(True, warn_only=only_warns)


def is_refusal(error: RuntimeError) -> bool:
    """Return True if the strict flag raised this, and not the operator itself."""
    message = str(error)
    return any(mark in message for mark in _REFUSALS)


def put_back(state: FlagState) -> None:
    """Set all three parts. Inductor is not told: no program code has run since `state` was read."""
    flag_is_on, only_warns, fills = state
    set_deterministic(flag_is_on, warn_only=only_warns)
    set_fill(fills)


def set_for_program(state: FlagState) -> None:
    """Set all three parts as a program does, which also switches Inductor's deterministic mode."""
    flag_is_on, only_warns, fills = state
    set_deterministic_publicly(flag_is_on, warn_only=only_warns)
    set_fill(fills)


@contextmanager
def strict() -> Iterator[None]:
    """Keep the flag on within, so that it raises, without its fill."""
    before = set_strict()
    try:
        yield
    finally:
        put_back(before)
