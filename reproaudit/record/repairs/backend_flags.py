"""Holding flags of torch.backends as they are: their setters do nothing any more.

The functions of torch._C are looked up at each call by `flags()` and its like, while the attributes
of `torch.backends.cudnn` are descriptors that have bound theirs: both are replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.repairs import Reach

GPU_BACKENDS = ("generic", "cuda")  # of `fp32_precision`


def hold_cudnn(reach: Reach, name: str) -> None:
    """Ignore what the program sets the flag `torch.backends.cudnn.<name>` to."""
    import torch

    from reproaudit.record.torch_private import SET_CUDNN_FLAGS

    place = SET_CUDNN_FLAGS[name]
    replace_setter(reach.patches, place.owner, place.name, ignoring)
    replace_setter(reach.patches, vars(type(torch.backends.cudnn))[name], "setter", ignoring)


def replace_setter(
    patches: Patches,
    owner: Any,
    name: str,
    wrap: Callable[[Callable[..., None]], Callable[..., None]],
) -> None:
    """Put `wrap(setter)` in the setter's place.

    One that this version of torch does not have needs no holding.
    """
    original = getattr(owner, name, None)
    if original is not None:
        patches.replace(owner, name, wrap(original))


def ignoring(original: Callable[..., None]) -> Callable[..., None]:
    """Return a setter that takes what `original` takes and sets nothing."""

    def ignore(*values: object) -> None:
        return

    return ignore
