"""The number of workers of DataLoaders."""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold
from reproaudit.record.variations.loader_arguments import (
    ONLY_WITH_WORKERS,
    Arguments,
    change_loaders,
)


def install(value: str, reach: Reach, hold: Hold) -> None:
    change_loaders(reach, hold, functools.partial(_set_workers, int(value)))


def _set_workers(number: int, given: Arguments) -> Arguments:
    before = given.get("num_workers", 0)
    # What PyTorch refuses anyway, such as a negative number, is left to be refused.
    if before == number or before < 0:
        return given
    changed = given | {"num_workers": number}
    if number == 0:
        for name in ONLY_WITH_WORKERS:
            changed.pop(name, None)
    return changed
