"""The exit code of a process that ends by `sys.exit`, of which no handler is told."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from reproaudit.record.hooks.patching import Patches

_getframe = sys._getframe
_get_ident = threading.get_ident
_main_thread = threading.main_thread
_code: Any = vars(SystemExit)["code"]


class ToldExit(SystemExit):
    """Says its code to `on_end` when the interpreter ends by it, as whatever caught it does not.

    The interpreter reads the code from no frame of Python.
    """

    # None in one that the program makes of this class itself, as by `type(error)(3)`.
    on_end: Callable[[object], None] | None = None

    def __reduce__(self) -> tuple[type[SystemExit], tuple[Any, ...]]:
        return SystemExit, self.args

    @property
    def code(self) -> Any:
        found = _code.__get__(self)
        if self.on_end is None:
            return found
        try:
            _getframe(1)
        except ValueError:
            self.on_end(found)
        return found

    @code.setter
    def code(self, value: Any) -> None:
        _code.__set__(self, value)


# As the program sees it, also in a traceback that it prints.
ToldExit.__module__ = "builtins"
ToldExit.__name__ = ToldExit.__qualname__ = "SystemExit"


def tell_exits(patches: Patches, on_end: Callable[[object], None]) -> None:
    """Call `on_end` with what an uncaught `sys.exit` was given, just before the process ends."""
    ask_to_exit = sys.exit

    def exit(status: Any = None, /) -> None:
        # Not by current_thread, which would make an object for a thread that has none.
        if _get_ident() != _main_thread().ident:
            ask_to_exit(status)  # which ends a thread in silence only by this very class
        try:
            ask_to_exit(status)
        except SystemExit as asked:
            raised = _make_telling(asked, on_end)
        try:
            raise raised  # after the handler, so that it has no context of ours
        finally:
            # Its traceback holds this frame: a circle would keep alive what the program drops.
            del raised, status

    patches.replace(sys, "exit", exit)


def _make_telling(asked: SystemExit, on_end: Callable[[object], None]) -> SystemExit:
    """Return what is raised in the place of what `sys.exit` raised: the program's own as it is."""
    if type(asked) is not SystemExit:
        return asked
    told = ToldExit(*asked.args)
    told.on_end = on_end
    return told
