"""Deterministic algorithms that stay on, in warn mode, whatever the program sets.

The setting `deterministic` has switched them on. Warn mode, because an op that has no deterministic
form must not end the program. Its warnings are left to the program's filters: silencing them would
mean to change these.
"""

from __future__ import annotations

import functools
from typing import Any

from reproaudit.record.repairs import Reach


def install(reach: Reach) -> None:
    """Hold the flag against both ways that the program has to set it."""
    reach.when_imported("torch", functools.partial(_hold_flag, reach))


def _hold_flag(reach: Reach) -> None:
    import torch

    set_flag = torch.use_deterministic_algorithms
    set_debug_mode = torch.set_deterministic_debug_mode

    @functools.wraps(set_flag)
    def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
        set_flag(True, warn_only=True)

    @functools.wraps(set_debug_mode)
    def set_deterministic_debug_mode(debug_mode: Any) -> None:
        set_debug_mode(debug_mode)  # refuses what is no mode
        set_flag(True, warn_only=True)

    reach.patches.replace(torch, "use_deterministic_algorithms", use_deterministic_algorithms)
    reach.patches.replace(torch, "set_deterministic_debug_mode", set_deterministic_debug_mode)
