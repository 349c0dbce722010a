"""The order of dimensions in memory, of what convolutions read."""

from __future__ import annotations

import functools
from typing import Any

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold

_DIMENSIONS = 4  # of a batch of images, and of the weights for it


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Bring weights and inputs to the format when a module that convolves images is called."""
    reach.when_imported("torch", functools.partial(_watch_modules, value, reach, hold))


def _watch_modules(value: str, reach: Reach, hold: Hold) -> None:
    import torch
    from torch.nn.modules import module as modules
    from torch.nn.parameter import is_lazy

    from reproaudit.record.torch_private import DisableDispatch

    wanted = torch.contiguous_format
    if value == "channels_last":
        wanted = torch.channels_last
    kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)

    def convert(tensor: Any) -> Any:
        """Return the tensor in the format: itself if it has it, else a copy of equal content."""
        if not isinstance(tensor, torch.Tensor) or tensor.dim() != _DIMENSIONS:
            return tensor
        if tensor.is_contiguous(memory_format=wanted):
            return tensor
        hold.take()
        return tensor.contiguous(memory_format=wanted)

    def before_forward(module: Any, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not isinstance(module, kinds) or torch.compiler.is_compiling():
            return None
        weight = module.weight
        # An operator that nobody calls is none of the program's.
        with DisableDispatch():
            # What is no parameter is computed anew for each call, from what is none of images.
            if isinstance(weight, torch.nn.Parameter) and not is_lazy(weight):
                content = weight.data
                moved = convert(content)
                # The parameter stays the object that an optimizer knows.
                if moved is not content:
                    weight.data = moved
            return tuple(convert(value) for value in args)

    hook: Any = before_forward
    handle = modules.register_module_forward_pre_hook(hook)
    reach.patches.on_undo(handle.remove)
