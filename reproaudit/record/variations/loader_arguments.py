"""Giving DataLoaders other arguments than the program does."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold

Arguments = dict[str, Any]
# What a DataLoader refuses without workers.
ONLY_WITH_WORKERS = ("prefetch_factor", "persistent_workers", "multiprocessing_context", "timeout")


def change_loaders(reach: Reach, hold: Hold, change: Callable[[Arguments], Arguments]) -> None:
    """Make each DataLoader with what `change` returns of the arguments that it is given.

    Once these are other ones, the variation has taken hold.
    """
    reach.when_imported("torch", functools.partial(_replace, reach, hold, change))


def _replace(reach: Reach, hold: Hold, change: Callable[[Arguments], Arguments]) -> None:
    from torch.utils.data import DataLoader

    original = DataLoader.__init__
    signature = inspect.signature(original)

    @functools.wraps(original)
    def init(*args: Any, **kwargs: Any) -> None:
        call = signature.bind(*args, **kwargs)
        changed = change(dict(call.arguments))
        is_other = changed != call.arguments
        call.arguments.clear()
        call.arguments.update(changed)
        original(*call.args, **call.kwargs)
        if is_other:
            hold.take()

    reach.patches.replace(DataLoader, "__init__", init)
