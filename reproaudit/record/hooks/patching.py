"""Replacing attributes of other modules for the time of a recording, and putting each one back."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
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
        if isinstance(owner, ModuleType) and isinstance(value, FunctionType):
            _name_as_found(value, owner, name)
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


def _name_as_found(function: FunctionType, module: ModuleType, name: str) -> None:
    """Name a function after where it was put, unless it is found by the name that it has.

    Programs pickle functions, as `pool.map(os.listdir, folders)` does, and pickle looks each up by
    its name: `os.listdir` says that it is one of `posix`, where it was not replaced.
    """
    # What a method of the standard library says of its module is None.
    said = sys.modules.get(function.__module__ or "")
    if said is None or vars(said).get(function.__qualname__) is not function:
        function.__module__ = module.__name__
        function.__qualname__ = name
