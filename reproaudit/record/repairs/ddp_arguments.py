"""Arguments of DistributedDataParallel that are others than the program gives."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from reproaudit.record.repairs import Reach


def _do_nothing() -> None:
    return


def replace_argument(
    reach: Reach, name: str, value: Any, *, when_other: Callable[[], None] = _do_nothing
) -> None:
    """Have each module that is wrapped from now on given `value` as the argument `name`.

    `when_other` is called where the program had given another one.
    """
    reach.when_imported(
        "torch", functools.partial(_replace, reach, name, value, when_other=when_other)
    )


def _replace(reach: Reach, name: str, value: Any, *, when_other: Callable[[], None]) -> None:
    import torch

    wrapper = torch.nn.parallel.DistributedDataParallel
    original: Callable[..., None] = wrapper.__init__
    signature = inspect.signature(original)
    if name not in signature.parameters:
        return

    @functools.wraps(original)
    def initialise(*args: Any, **kwargs: Any) -> None:
        given = signature.bind(*args, **kwargs)
        before = given.arguments.get(name)
        given.arguments[name] = value
        original(*given.args, **given.kwargs)
        if before != value:
            when_other()

    reach.patches.replace(wrapper, "__init__", initialise)
