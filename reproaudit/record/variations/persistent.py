"""Whether the workers of DataLoaders outlive an epoch."""

from __future__ import annotations

import functools

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold
from reproaudit.record.variations.loader_arguments import Arguments, change_loaders


def install(value: str, reach: Reach, hold: Hold) -> None:
    change_loaders(reach, hold, functools.partial(_set_persistence, value == "on"))


def _set_persistence(is_on: bool, given: Arguments) -> Arguments:
    if given.get("num_workers", 0) < 1 or bool(given.get("persistent_workers")) is is_on:
        return given
    return given | {"persistent_workers": is_on}
