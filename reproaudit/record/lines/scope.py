"""The variables of a frame of the program at one moment, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from types import BuiltinFunctionType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from reproaudit.record.digest.python_values import value_digest
from reproaudit.record.digest.tensors import Digest
from reproaudit.record.hooks import cells
from reproaudit.record.hooks.frame_locals import read_locals
from reproaudit.record.lines.statements import Body, is_followed

_ARRAY = ("numpy", "ndarray")
_NO_DATA = (ModuleType, FunctionType, BuiltinFunctionType, MethodType, type)

_LONGEST_SHOWN = 40  # characters of a text that is shown
_LARGEST_SHOWN = 10**20


class Scope:
    """The variables of a frame at one moment."""

    def __init__(self, frame: FrameType, body: Body) -> None:
        self._body = body
        self._globals = frame.f_globals
        self._locals: Mapping[str, Any] = read_locals(frame)
        self._digests: dict[str, Digest | None] = {}

    def digest(self, name: str) -> Digest | None:
        """Return the digest of a variable's value; None if it has none, or one that is no data."""
        if name not in self._digests:
            self._digests[name] = self._find(name)
        return self._digests[name]

    def show(self, name: str) -> str:
        """Return a variable's value as people read it, if it is plain and short; else ""."""
        value = self._find_value(name)
        # Of these types no code of the program runs; a long value is not even made into text.
        if type(value) is str and len(value) <= _LONGEST_SHOWN:
            return repr(value)
        if type(value) in (bool, float):
            return repr(value)
        if type(value) is int and abs(value) < _LARGEST_SHOWN:
            return repr(value)
        return ""

    def find_array(self, name: str) -> int | None:
        """Return the identity of the NumPy array that a variable holds; None if it holds none."""
        value = self._find_value(name)
        kind = type(value)
        return id(value) if (kind.__module__, kind.__name__) == _ARRAY else None

    def names(self) -> list[str]:
        own = [name for name in self._locals if is_followed(name)]
        return [name for name in own if not cells.is_of_shell(name)]

    def _find(self, name: str) -> Digest | None:
        return data_digest(self._find_value(name))

    def _find_value(self, name: str) -> object:
        if name in self._locals:
            return self._locals[name]
        if self._body.is_function and name in self._body.own_names:
            return None
        return self._globals.get(name)


def data_digest(value: object) -> Digest | None:
    """Return the digest of a value; None for what is no data: modules, functions, classes."""
    # Not isinstance, which asks the value for a `__class__` of its own.
    if value is None or issubclass(type(value), _NO_DATA):
        return None
    return value_digest(value)
