"""Copies that wait: `non_blocking=True` of to(), copy_() and their like is taken for False."""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach


def install(reach: Reach) -> None:
    """Change the flag where operators are dispatched: many methods pass it on."""
    reach.when_imported("torch", functools.partial(_enter_mode, reach))


def _enter_mode(reach: Reach) -> None:
    from reproaudit.record.repairs.device_modes import BlockingCopies
    from reproaudit.record.repairs.fill_mode import enter_everywhere

    enter_everywhere(BlockingCopies(), reach.patches)
