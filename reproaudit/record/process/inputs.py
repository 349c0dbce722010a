"""What a module or a callable is given: tensors drawn from a seed, those that a function of the
user's makes, or those of a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reproaudit.config.subject import InputSpec, SubjectSpec
from reproaudit.errors import UsageError

if TYPE_CHECKING:
    import torch

_INTEGER_INPUTS_BELOW = 10


def make_inputs(
    spec: SubjectSpec, load: Callable[[str, str], Any], *, device: str, seed: int
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what is given by place, and what by name.

    `load` returns an attribute of a file. Raises UsageError if the inputs cannot be had.
    """
    import torch

    if not spec.inputs_from:
        generator = torch.Generator().manual_seed(seed)
        return tuple(_draw(wanted, generator).to(device) for wanted in spec.inputs), {}
    path, separator, attribute = spec.inputs_from.partition("::")
    if separator:
        made = load(path, attribute)()
    else:
        made = _read(path, device)
    if isinstance(made, dict) or hasattr(made, "keys"):
        return (), dict(made)
    return tuple(made) if isinstance(made, tuple) else (made,), {}


def _read(path: str, device: str) -> Any:
    import torch

    try:
        # Tensors and containers of them, and nothing that a file could have executed.
        return torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise UsageError(
            f"cannot read the inputs {os.fspath(path)!r}: {str(error).splitlines()[0]}",
            code="inputs-unreadable",
            hint="save a tensor, or a tuple or dict of tensors, with torch.save",
        ) from None


def _draw(wanted: InputSpec, generator: torch.Generator) -> torch.Tensor:
    import torch

    dtype = getattr(torch, wanted.dtype)
    shape = wanted.shape
    if dtype == torch.bool:
        return torch.randint(0, 2, shape, generator=generator).bool()
    if dtype.is_floating_point or dtype.is_complex:
        # Not every dtype can be drawn: it is drawn in single precision and converted.
        drawn_as = torch.complex64 if dtype.is_complex else torch.float32
        return torch.randn(shape, generator=generator, dtype=drawn_as).to(dtype)
    drawn = torch.randint(0, _INTEGER_INPUTS_BELOW, shape, generator=generator, dtype=torch.int64)
    return drawn.to(dtype)
