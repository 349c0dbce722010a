"""TF32 stays on or off, as the settings have set it, whatever the program sets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.backend_flags import GPU_BACKENDS, ignoring, replace_setter
from reproaudit.record.variations.hold import Hold


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Hold it against both ways to set it. The precision of CPU backends is the program's own."""
    reach.when_imported("torch", functools.partial(_hold_precision, reach, hold))


def _hold_precision(reach: Reach, hold: Hold) -> None:
    import torch

    from reproaudit.record.torch_private import SET_CUBLAS_TF32, SET_CUDNN_TF32, SET_PRECISION

    for place in (SET_CUBLAS_TF32, SET_CUDNN_TF32):
        replace_setter(reach.patches, place.owner, place.name, ignoring)
    replace_setter(reach.patches, SET_PRECISION.owner, SET_PRECISION.name, _leave_gpu)
    cudnn = vars(type(torch.backends.cudnn))["allow_tf32"]
    replace_setter(reach.patches, cudnn, "setter", ignoring)
    replace_setter(reach.patches, torch, "set_float32_matmul_precision", ignoring)
    hold.take()


def _leave_gpu(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def set_fp32_precision(backend: str, op: str, precision: str) -> Any:
        if backend in GPU_BACKENDS:
            return precision  # what the original returns
        return original(backend, op, precision)

    return set_fp32_precision
