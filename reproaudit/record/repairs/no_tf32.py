"""TF32 stays off, whatever the program sets: the setting `tf32` has switched it off.

There are two ways to set it, `allow_tf32` with `set_float32_matmul_precision`, and since torch 2.9
`fp32_precision` for each backend. Reading the first after lower precision was set by the second
raises, so a program must be let use the one that it uses; only values that would allow less than
float32 are dropped (PyTorch issue #179445).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.backend_flags import GPU_BACKENDS, ignoring, replace_setter

_FULL = ("ieee", "none")


def install(reach: Reach) -> None:
    """Hold it against both ways. The precision of CPU backends alone is left to the program."""
    reach.when_imported("torch", functools.partial(_hold_precision, reach))


def _hold_precision(reach: Reach) -> None:
    import torch

    from reproaudit.record.torch_private import SET_CUBLAS_TF32, SET_CUDNN_TF32, SET_PRECISION

    patches = reach.patches
    for place in (SET_CUBLAS_TF32, SET_CUDNN_TF32):
        replace_setter(patches, place.owner, place.name, ignoring)
    replace_setter(patches, vars(type(torch.backends.cudnn))["allow_tf32"], "setter", ignoring)
    replace_setter(patches, SET_PRECISION.owner, SET_PRECISION.name, _keep_full_precision)
    replace_setter(patches, torch, "set_float32_matmul_precision", _check_and_set_highest)


def _keep_full_precision(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def set_fp32_precision(backend: str, op: str, precision: str) -> Any:
        if backend in GPU_BACKENDS and precision not in _FULL:
            return precision  # what the original returns
        return original(backend, op, precision)

    return set_fp32_precision


def _check_and_set_highest(original: Callable[[str], None]) -> Callable[[str], None]:
    @functools.wraps(original)
    def set_float32_matmul_precision(precision: str) -> None:
        original(precision)  # warns of what is no precision
        original("highest")

    return set_float32_matmul_precision
