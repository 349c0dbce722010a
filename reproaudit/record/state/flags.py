"""The flag of `torch.use_deterministic_algorithms`: read, set and put back, here and nowhere else.

The flag has three parts: whether it is on, whether it only warns, and whether memory that torch
hands out undefined is filled while it is on. Whoever changes one part has to put back all three.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

FlagState = tuple[bool, bool, bool]  # it is on, it only warns, it fills memory

# Of torch._C, because the program's and our own wrappers of the public ones must not take part.
_set_flag = torch._C._set_deterministic_algorithms
_only_warns = torch._C._get_deterministic_algorithms_warn_only
_fills_memory = torch._C._get_deterministic_fill_uninitialized_memory
_set_publicly = torch.use_deterministic_algorithms

is_on = torch._C._get_deterministic_algorithms
set_fill = torch._C._set_deterministic_fill_uninitialized_memory


def read_flag() -> FlagState:
    """Return the state that `put_back` takes."""
    return is_on(), _only_warns(), _fills_memory()


def set_strict() -> FlagState:
    """Turn the flag on so that it raises, without its fill; return the state before.

    Not a context manager: ops are run under it one by one.
    """
    before = is_on(), _only_warns(), _fills_memory()
    # The fill would hide reads of undefined memory, which are a cause of their own.
    set_fill(False)
    _set_flag(True, warn_only=False)
    return before


def set_off() -> FlagState:
    """Turn the flag off and leave its other parts; return the state before."""
    before = read_flag()
    _set_flag(False, warn_only=before[1])
    return before


def put_back(state: FlagState) -> None:
    """Set all three parts. Inductor is not told: no program code has run since `state` was read."""
    flag_is_on, only_warns, fills_memory = state
    _set_flag(flag_is_on, warn_only=only_warns)
    set_fill(fills_memory)


def set_for_program(state: FlagState) -> None:
    """Set all three parts as a program does, which also switches Inductor's deterministic mode."""
    flag_is_on, only_warns, fills_memory = state
    _set_publicly(flag_is_on, warn_only=only_warns)
    set_fill(fills_memory)


@contextmanager
def strict() -> Iterator[None]:
    """Keep the flag on within, so that it raises, without its fill."""
    before = set_strict()
    try:
        yield
    finally:
        put_back(before)
