"""TF32 stays on or off, as the settings have set it, whatever the program sets."""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.backend_flags import ignoring, replace_setter
from reproaudit.record.variations.hold import Hold


def install(value: str, reach: Reach, hold: Hold) -> None:
    reach.when_imported("torch", functools.partial(_hold_precision, reach, hold))


def _hold_precision(reach: Reach, hold: Hold) -> None:
    import torch

    from reproaudit.record.torch_private import SET_CUBLAS_TF32, SET_CUDNN_TF32, SET_PRECISION

    for place in (SET_CUBLAS_TF32, SET_CUDNN_TF32, SET_PRECISION):
        replace_setter(reach.patches, place.owner, place.name, ignoring)
    cudnn = vars(type(torch.backends.cudnn))["allow_tf32"]
    replace_setter(reach.patches, cudnn, "setter", ignoring)
    replace_setter(reach.patches, torch, "set_float32_matmul_precision", ignoring)
    hold.take()
