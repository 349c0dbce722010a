"""The variables of a frame of the program, read without leaving anything in the frame."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Mapping
from inspect import CO_OPTIMIZED
from types import CodeType, FrameType
from typing import Any

_getrefcount, _active_count = sys.getrefcount, threading.active_count

# Until Python 3.12 `f_locals` is a copy that the frame keeps, and that is written back to the
# variables afterwards. It would hold objects alive that the program has let go, and undo what
# another thread put into a closure's variable. From 3.11 on that is over once the copy is settled;
# settled empty, it writes nothing back.
_settle = ctypes.pythonapi.PyFrame_LocalsToFast if (3, 11) <= sys.version_info < (3, 13) else None
_WRITES_BACK = sys.version_info < (3, 11)
_UNSHARED = 3  # references to that copy: the frame's, ours, the counting function's argument
# A frame that shows its variables to the program itself: `f_locals` is the very dictionary that
# `locals` gave out.
_SHOWS_LOCALS = frozenset(
    ("locals", "vars", "dir", "eval", "exec", "f_locals", "_getframe", "currentframe")
)


def is_function(code: CodeType) -> bool:
    """Return True for the code of a function, not of a module or a class."""
    return bool(code.co_flags & CO_OPTIMIZED)


def read_locals(frame: FrameType) -> Mapping[str, Any]:
    """Return a frame's variables, and leave nothing of them in the frame.

    Nothing is returned of a frame whose variables cannot be read so.
    """
    code = frame.f_code
    if not is_function(code):
        found = frame.f_locals
        # A class body's may be a mapping of the program's own, whose code must not run here.
        return found if isinstance(found, dict) else {}
    if not _SHOWS_LOCALS.isdisjoint(code.co_names):
        return {}
    has_cells = bool(code.co_cellvars or code.co_freevars)
    if _WRITES_BACK and has_cells and _active_count() > 1:
        return {}
    found = frame.f_locals
    copied = dict(found)
    if _settle is not None and _getrefcount(found) == _UNSHARED:
        found.clear()
        _settle(ctypes.py_object(frame), 0)
    return copied
