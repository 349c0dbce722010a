"""Arguments of DistributedDataParallel that are others than the program gives."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from reproaudit.record.repairs import Reach


def replace_argument(reach: Reach, name: str, value: Any) -> None:
    """Have each module that is wrapped from now on given `value` as the argument `name`."""
    reach.when_imported("torch", functools.partial(_replace, reach, name, value))


def _replace(reach: Reach, name: str, value: Any) -> None:
    import torch

    wrapper = torch.nn.parallel.DistributedDataParallel
    original: Callable[..., None] = wrapper.__init__
    signature = inspect.signature(original)
    if name not in signature.parameters:
        return

    @functools.wraps(original)
    def initialise(*args: Any, **kwargs: Any) -> None:
        given = signature.bind(*args, **kwargs)
        given.arguments[name] = value
        original(*given.args, **given.kwargs)

    reach.patches.replace(wrapper, "__init__", initialise)
