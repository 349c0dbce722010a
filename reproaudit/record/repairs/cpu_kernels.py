"""Operators that have no deterministic form on the GPU are computed on the CPU, in one thread."""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach, deterministic


def install(reach: Reach) -> None:
    """Hold deterministic algorithms on; compute on the CPU what refuses them."""
    deterministic.install(reach)
    reach.when_imported("torch", functools.partial(_enter_mode, reach))


def _enter_mode(reach: Reach) -> None:
    from reproaudit.record.repairs.cpu_mode import RefusedOnCpu
    from reproaudit.record.repairs.fill_mode import enter_everywhere

    enter_everywhere(RefusedOnCpu(), reach.patches)
