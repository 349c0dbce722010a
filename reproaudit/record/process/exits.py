"""The exit code of a process that ends by `sys.exit`, of which no handler is told."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from reproaudit.record.hooks.patching import Patches

_getframe = sys._getframe
_current_thread = threading.current_thread
_main_thread = threading.main_thread
_code: Any = vars(SystemExit)["code"]


class ToldExit(SystemExit):
    """Says its code to `on_end` when the interpreter ends by it, as whatever caught it does not.

    The interpreter reads the code from no frame of Python.
    """

    on_end: Callable[[object], None]

    def __reduce__(self) -> tuple[type[SystemExit], tuple[Any, ...]]:
        return SystemExit, self.args

    @property
    def code(self) -> Any:
        found = _code.__get__(self)
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
        if _current_thread() is not _main_thread():
            ask_to_exit(status)  # which ends a thread in silence only by this very class
        try:
            ask_to_exit(status)
        except SystemExit as error:
            asked = error
        if type(asked) is not SystemExit:
            raise asked  # the program's own, which it has given as the status
        told = ToldExit(*asked.args)
        told.on_end = on_end
        raise told

    patches.replace(sys, "exit", exit)
