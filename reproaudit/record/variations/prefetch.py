"""How many batches each worker of a DataLoader loads in advance."""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold
from reproaudit.record.variations.loader_arguments import Arguments, change_loaders

_DEFAULT = 2


def install(value: str, reach: Reach, hold: Hold) -> None:
    change_loaders(reach, hold, functools.partial(_set_factor, int(value)))


def _set_factor(number: int, given: Arguments) -> Arguments:
    before = given.get("prefetch_factor")
    if given.get("num_workers", 0) < 1 or (before or _DEFAULT) == number:
        return given
    return given | {"prefetch_factor": number}
