"""Replacing attributes of other modules for the time of a recording, and putting each one back."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

_MISSING = object()
_OS_SUPPORTS = (
    "supports_dir_fd",
    "supports_effective_ids",
    "supports_fd",
    "supports_follow_symlinks",
)


class Patches:
    """Replaced attributes and registered hooks, undone in reverse order.

    Undoing twice does nothing.
    """

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Set `owner.name` to `value` until `undo`."""
        before = vars(owner).get(name, _MISSING)

        def restore() -> None:
            if before is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

        setattr(owner, name, value)
        self._undo.append(restore)

    def replace_in_os(self, name: str, function: Callable[..., Any]) -> None:
        """Replace a function of `os`, in the sets that say what it can do as well.

        shutil looks these sets up before it uses a function.
        """
        original = getattr(os, name)
        for kind in _OS_SUPPORTS:
            supported = getattr(os, kind)
            if original in supported:
                supported.add(function)
                self.on_undo(functools.partial(supported.discard, function))
        self.replace(os, name, function)

    def on_undo(self, action: Callable[[], None]) -> None:
        """Run `action` when all is undone, before what was there earlier is put back."""
        self._undo.append(action)

    def undo(self) -> None:
        while self._undo:
            self._undo.pop()()
