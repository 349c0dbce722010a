"""The tensors and arrays in an object that a program saves, each with the path of its key.

Nothing of the program's is called: containers are read as what they are, whatever their classes
make of that.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator
from types import FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import torch

from reproaudit.record.state.modules import children_of, state_of

_Tensor = torch.Tensor
_MAX_DEPTH = 32
_MOST_VALUES = 200_000  # that are looked at in one object
# A number above this is an address or a time, which differs from run to run.
_LARGEST_SHOWN = 1 << 32
_PLAIN = (str, bytes, int, float, complex, bool, type(None), enum.Enum)
_CODE = (type, FunctionType, MethodType, ModuleType)
# How NumPy's generators call their state. Whether one is drawn from is compared elsewhere, and one
# that nobody draws from may have any state.
_GENERATOR_STATES = ("MT19937", "bit_generator")

_Item = tuple[str, Any]


class TooManyValues(Exception):
    """An object holds more values than are looked at."""


def find_saved_tensors(value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every tensor and array in nested containers, modules and plain objects.

    An array is a tensor of the same content. Raises TooManyValues behind the last one looked at.
    """
    yield from _Walk().walk(value, "")


class _Walk:
    def __init__(self) -> None:
        # The containers that hold what is looked at: they may be circular.
        self._above: set[int] = set()
        self._left = _MOST_VALUES

    def walk(self, value: Any, path: str) -> Iterator[tuple[str, torch.Tensor]]:
        self._left -= 1
        if self._left < 0:
            raise TooManyValues
        if isinstance(value, _Tensor):
            yield path, value
            return
        if isinstance(value, (*_PLAIN, *_CODE)):
            return
        array = convert_array(value)
        if array is not None:
            yield path, array
            return
        key = id(value)
        if key in self._above or len(self._above) >= _MAX_DEPTH:
            return
        self._above.add(key)
        for name, item in list_items(value):
            yield from self.walk(item, _join(path, name))
        self._above.discard(key)


def _join(path: str, name: str) -> str:
    if path and not name.startswith("["):
        return f"{path}.{name}"
    return f"{path}{name}"


def list_items(value: Any) -> list[_Item]:
    """Return what an object holds, each part with how it is reached from the object."""
    if isinstance(value, dict):
        if any(name in _GENERATOR_STATES for name in dict.keys(value) if type(name) is str):
            return []
        return [(_name_key(key), item) for key, item in dict.items(value)]
    if isinstance(value, (list, tuple)):
        if isinstance(value, list):
            items = list(list.__iter__(value))
        else:
            items = list(tuple.__iter__(value))
        if items and type(items[0]) is str and items[0] in _GENERATOR_STATES:
            return []
        return [(f"[{index}]", item) for index, item in enumerate(items)]
    if isinstance(value, (set, frozenset)):
        # In which order it holds them is chance: without a number they are compared by content.
        return [("[]", item) for item in value]
    if isinstance(value, MappingProxyType):
        return []
    if isinstance(value, torch.nn.Module):
        return _list_module(value)
    return _list_attributes(value)


def _list_module(module: torch.nn.Module) -> list[_Item]:
    """Return the state of a module, and its children."""
    found = state_of(module)
    if found is None:
        return []
    items: list[_Item] = [*found.parameters.items()]
    for name, buffer in found.buffers.items():
        if name not in found.transient:
            items.append((name, buffer))
    items += children_of(module).items()
    return items


def _list_attributes(value: Any) -> list[_Item]:
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return []
    if type(attributes) is not dict:
        return []
    return [(name, item) for name, item in attributes.items() if type(name) is str]


def _name_key(key: Any) -> str:
    """Return the key as a part of a path; one that differs from run to run is left out of it."""
    if type(key) is str:
        return key
    if type(key) is int and abs(key) < _LARGEST_SHOWN:
        return f"[{key}]"
    if type(key) in (float, bool, bytes):
        return f"[{key!r}]"
    if type(key) is tuple:
        inner = ", ".join(_name_key(part) for part in key)
        return f"[{inner}]"
    return "[]"


def convert_array(value: Any) -> torch.Tensor | None:
    """Return a tensor of an array's content; None for all else, and for arrays of objects."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray):
        return None
    # As a plain array, since a subclass may index itself by code of its own.
    plain = numpy.ndarray.view(value, numpy.ndarray)
    if plain.dtype.hasobject:
        return None
    if plain.dtype.kind in "biufc" and plain.dtype.isnative:
        # torch would warn of one that cannot be written, and cannot take negative strides.
        if not plain.flags.writeable or min(plain.strides, default=0) < 0:
            plain = plain.copy()
        try:
            return torch.from_numpy(plain)
        except (TypeError, ValueError):
            pass  # a long double, of which torch has none: its bytes are compared
    return torch.frombuffer(bytearray(plain.tobytes() or b"\0"), dtype=torch.uint8)


def convert_numbers(value: Any) -> torch.Tensor | None:
    """Return a tensor of a number, or of nested lists of numbers; None for all else."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not _is_numeric(value, numpy):
        return None
    try:
        return convert_array(numpy.array(value))
    except ValueError:  # lists of unequal lengths
        return None


def _is_numeric(value: Any, numpy: Any) -> bool:
    if type(value) in (list, tuple):
        return all(_is_numeric(item, numpy) for item in value)
    return type(value) in (int, float, complex, bool) or isinstance(value, numpy.generic)
