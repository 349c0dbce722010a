"""One computing thread, however many the program asks for: the setting `threads` has set it."""

from __future__ import annotations

import functools
from collections.abc import Callable

from reproaudit.record.repairs import Reach

_SETTERS = ("set_num_threads", "set_num_interop_threads")


def install(reach: Reach) -> None:
    """Ignore what the program sets through torch."""
    hold_threads(reach, *_SETTERS)


def hold_threads(reach: Reach, *setters: str) -> None:
    """Ignore what the program sets by these functions of torch."""
    reach.when_imported("torch", functools.partial(_hold, reach, setters))


def _hold(reach: Reach, setters: tuple[str, ...]) -> None:
    import torch

    for name in setters:
        reach.patches.replace(torch, name, _ignoring(getattr(torch, name)))


def _ignoring(original: Callable[[int], None]) -> Callable[[int], None]:
    @functools.wraps(original)
    def ignore(number: int, /) -> None:
        return

    return ignore
