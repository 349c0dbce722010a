"""Deterministic algorithms that stay on, whatever the program sets.

The setting `deterministic` has switched them on: strictly, or so that they only warn, and so they
stay. An op that has no deterministic form must not end the program where that is not known before:
with "unless-refused" the strict flag is lifted for just such calls. The warnings are left to the
program's filters: silencing them would mean to change these.
"""

from __future__ import annotations

import functools
from typing import Any

from reproaudit.config.settings import UNLESS_REFUSED
from reproaudit.record.repairs import Reach


def install(reach: Reach) -> None:
    """Hold the flag against both ways that the program has to set it."""
    reach.when_imported("torch", functools.partial(_hold_flag, reach))


def _hold_flag(reach: Reach) -> None:
    import torch

    from reproaudit.record.state import flags

    only_warns = flags.read_flag()[1]
    set_flag = torch.use_deterministic_algorithms
    set_debug_mode = torch.set_deterministic_debug_mode

    @functools.wraps(set_flag)
    def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
        set_flag(True, warn_only=only_warns)

    @functools.wraps(set_debug_mode)
    def set_deterministic_debug_mode(debug_mode: Any) -> None:
        set_debug_mode(debug_mode)  # refuses what is no mode
        set_flag(True, warn_only=only_warns)

    reach.patches.replace(torch, "use_deterministic_algorithms", use_deterministic_algorithms)
    reach.patches.replace(torch, "set_deterministic_debug_mode", set_deterministic_debug_mode)
    if reach.settings.deterministic == UNLESS_REFUSED and not only_warns:
        from reproaudit.record.repairs.fill_mode import enter_everywhere
        from reproaudit.record.repairs.refused_mode import WarnWhereRefused

        enter_everywhere(WarnWhereRefused(), reach.patches)
