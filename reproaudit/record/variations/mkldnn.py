"""oneDNN on or off, whatever the program sets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.backend_flags import ignoring, replace_setter
from reproaudit.record.variations.hold import Hold


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Switch it, and drop what the program says of it; other flags of oneDNN stay its own."""
    reach.when_imported("torch", functools.partial(_switch, value == "on", reach, hold))


def _switch(is_on: bool, reach: Reach, hold: Hold) -> None:
    import torch

    mkldnn: Any = torch.backends.mkldnn
    if not mkldnn.is_available():
        return
    flag = vars(type(mkldnn))["enabled"]
    reach.patches.on_undo(functools.partial(flag.setter, mkldnn.enabled))
    flag.setter(is_on)
    replace_setter(reach.patches, flag, "setter", ignoring)
    # The module that stands behind the object with this name; `flags` looks it up there.
    replace_setter(reach.patches, mkldnn.m, "set_flags", _leave_switch)
    hold.take()


def _leave_switch(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def set_flags(_enabled: bool | None = None, *others: Any, **named: Any) -> Any:
        return original(None, *others, **named)

    return set_flags
