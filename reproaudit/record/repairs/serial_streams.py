"""Streams one after another: the host waits for the device after each operator that touches it.

The setting's CUDA_LAUNCH_BLOCKING makes kernel launches synchronous, also those that no operator of
PyTorch makes. NVIDIA promises that of launches and not of copies (CUDA Programming Guide,
Asynchronous Execution): it is not enough.
"""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach


def install(reach: Reach) -> None:
    """Synchronise after each operator, in every thread of the program and in the backward pass."""
    reach.when_imported("torch", functools.partial(_enter_mode, reach))


def _enter_mode(reach: Reach) -> None:
    from reproaudit.record.repairs.device_modes import SerialStreams
    from reproaudit.record.repairs.fill_mode import enter_everywhere

    enter_everywhere(SerialStreams(), reach.patches)
