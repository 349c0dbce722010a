"""Notices when seeds, determinism flags and variables are set, from the program's first line on.

Only if the plan asks for it. What is set before torch is there waits until there is a trace.
"""

from __future__ import annotations

import functools
import os
import random
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from reproaudit.knowledge.variables import LAUNCH_VARIABLES, NUMERIC_VARIABLES
from reproaudit.model.events import LibraryCall
from reproaudit.record.hooks.callers import outer_frame
from reproaudit.record.hooks.callsite import OWN, USER, FrameKinds, find_line
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.outside.library_calls import find_library_call
from reproaudit.trace.tables import Place

UNSET = "unset"
VARIABLES = frozenset((*NUMERIC_VARIABLES, *LAUNCH_VARIABLES)) - {"WORLD_SIZE"}
_MOST_WAITING = 256
_MOST_SHOWN = 60


class Setting(NamedTuple):
    """Something was set: by which line of the program, and below which call of a library.

    `place` is None where no line of the program was running.
    """

    what: str
    value: str
    place: Place | None
    below: LibraryCall | None


class SettingWatch:
    """Tells `listener` of each setting; without one, settings wait in `waiting`."""

    def __init__(self, patches: Patches) -> None:
        self.kinds = FrameKinds()
        self.waiting: list[Setting] = []
        self.listener: Callable[[Setting], None] | None = None
        self._patches = patches
        self._within = threading.local()  # one setting may be made of others

    def install(self, when_imported: Callable[[str, Callable[[], None]], None]) -> None:
        """Watch what can be set without torch."""
        self._watch_environment()
        self.watch(random, "seed", "random.seed")
        # By itself NumPy imports it when it is first used.
        when_imported("numpy.random", self._watch_numpy)

    def _watch_numpy(self) -> None:
        self.watch(sys.modules["numpy.random"], "seed", "numpy.random.seed")

    def _watch_environment(self) -> None:
        kind = type(os.environ)
        set_item, delete_item = kind.__setitem__, kind.__delitem__

        @functools.wraps(set_item)
        def __setitem__(environ: Any, key: Any, value: Any) -> None:
            set_item(environ, key, value)
            if key in VARIABLES and environ is os.environ:
                self._tell(str(key), value, outer_frame(1))

        @functools.wraps(delete_item)
        def __delitem__(environ: Any, key: Any) -> None:
            delete_item(environ, key)
            if key in VARIABLES and environ is os.environ:
                self._tell(str(key), UNSET, outer_frame(1))

        self._patches.replace(kind, "__setitem__", __setitem__)
        self._patches.replace(kind, "__delitem__", __delitem__)

    def watch(self, owner: Any, name: str, what: str) -> None:
        """Watch a function that sets; calls by PyTorch and Python themselves do not count."""
        self._patches.replace(owner, name, self.wrap(getattr(owner, name), what))

    def wrap(
        self,
        original: Callable[..., Any],
        what: str | Callable[[Any], str],
        *,
        skip: int = 0,
        is_setter: bool = False,
    ) -> Callable[..., Any]:
        """Return a function that does the same and tells of it.

        Its first `skip` arguments are no values. `is_setter`: PyTorch's own code calls it for an
        assignment of the program. `what` may be made of the arguments.
        """
        within = self._within

        @functools.wraps(original)
        def setter(*args: Any, **kwargs: Any) -> Any:
            if getattr(within, "sets", False):
                return original(*args, **kwargs)
            frame = outer_frame(1)
            within.sets = True
            try:
                result = original(*args, **kwargs)
            finally:
                within.sets = False
            if is_setter or (frame is not None and self.kinds.of(frame.f_code) != OWN):
                given = (*args[skip:], *kwargs.values())
                named = what if isinstance(what, str) else what(args)
                self._tell(named, _show(given), frame)
            return result

        return setter

    def _tell(self, what: str, value: object, frame: FrameType | None) -> None:
        below = find_library_call(frame, what, self.kinds)
        while frame is not None and self.kinds.of(frame.f_code) != USER:
            frame = frame.f_back
        place = find_line(frame) if frame is not None else None
        setting = Setting(what, str(value)[:_MOST_SHOWN], place, below)
        if self.listener is not None:
            self.listener(setting)
        elif len(self.waiting) < _MOST_WAITING:
            self.waiting.append(setting)


def _show(given: tuple[Any, ...]) -> str:
    try:
        return ", ".join(map(str, given)) or "no value"
    except Exception:  # an argument may be of a class of the program's, whose code fails
        return "?"


current: SettingWatch | None = None  # of this process, if its plan asks for it


def start(
    patches: Patches, when_imported: Callable[[str, Callable[[], None]], None]
) -> SettingWatch:
    """Begin to watch in this process."""
    global current
    current = SettingWatch(patches)
    patches.on_undo(_forget)
    current.install(when_imported)
    return current


def _forget() -> None:
    global current
    current = None
