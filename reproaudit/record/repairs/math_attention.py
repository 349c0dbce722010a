"""Attention by plain matrix products and a softmax, whatever kernel the program asks for."""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.backend_flags import ignoring, replace_setter


def install(reach: Reach) -> None:
    """Switch the fused backends off, and hold that against the program.

    A program that calls a fused kernel by its own name, such as flash_attn's functions, still gets
    it.
    """
    reach.when_imported("torch", functools.partial(_hold_backends, reach))


def _hold_backends(reach: Reach) -> None:
    from reproaudit.record.torch_private import ATTENTION_KERNELS

    for kernel, (place, is_allowed) in ATTENTION_KERNELS.items():
        allow = place.value
        reach.patches.on_undo(functools.partial(allow, is_allowed()))
        allow(kernel == "math")
        replace_setter(reach.patches, place.owner, place.name, ignoring)
