"""Attention by plain matrix products and a softmax: no fused kernel is chosen, whatever the program
asks for."""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.backend_flags import ignoring, replace_setter

_FUSED = ("flash", "mem_efficient", "cudnn", "overrideable", "fa3")


def install(reach: Reach) -> None:
    """Switch the fused backends off, and hold that against `enable_flash_sdp`, `sdpa_kernel` and
    their like.

    A program that calls a fused kernel by its own name, such as flash_attn's functions, still gets
    it.
    """
    reach.when_imported("torch", lambda: _imported(reach))


def _imported(reach: Reach) -> None:
    import torch

    for backend in ("math", *_FUSED):
        setter = getattr(torch._C, f"_set_sdp_use_{backend}", None)
        if setter is not None:
            reach.patches.on_undo(
                functools.partial(setter, getattr(torch._C, f"_get_{backend}_sdp_enabled")())
            )
            setter(backend == "math")
        replace_setter(reach.patches, torch._C, f"_set_sdp_use_{backend}", ignoring)
