"""What an object holds in its attributes, read without calling the program's own code."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from enum import Enum
from typing import Any

_Namespace = types.MappingProxyType[str, Any]

# Descriptors of the interpreter: a metaclass of the program may answer for these names otherwise.
_type_dict = type.__dict__
_mro: Callable[[type], tuple[type, ...]] = _type_dict["__mro__"].__get__
_namespace: Callable[[type], _Namespace] = _type_dict["__dict__"].__get__
_module: Callable[[type], Any] = _type_dict["__module__"].__get__
qualname: Callable[[type], str] = _type_dict["__qualname__"].__get__

# Classes of the standard library whose attributes are the user's data. Those of others are
# machinery: thread numbers, caches, what a lock is made of.
_DATA_CLASSES = frozenset(
    {
        "argparse.Namespace",
        "types.SimpleNamespace",
        "fractions.Fraction",
        "uuid.UUID",
        "collections.UserDict",
        "collections.UserList",
        "collections.UserString",
    }
)
_NEUTRAL_BASES = frozenset({"builtins.object", "typing.Generic", "typing.Protocol", "abc.ABC"})
_STANDARD = frozenset(sys.stdlib_module_names)


def read_attributes(value: Any, kind: type) -> dict[str, Any]:
    """Return what an object's `__dict__` and slots hold; nothing if that is no data of its own."""
    found: dict[str, Any] = {}
    if _is_machinery(kind):
        return found
    for base in _mro(kind):
        names = _namespace(base)
        held = names.get("__dict__")
        if type(held) is types.GetSetDescriptorType:
            own = held.__get__(value)
            if type(own) is dict:
                for key, item in own.items():
                    if type(key) is str:
                        found[key] = item
        if "__slots__" not in names:
            continue
        for name, member in names.items():
            if type(member) is types.MemberDescriptorType:
                try:
                    found[name] = member.__get__(value)
                except AttributeError:  # the slot is empty
                    continue
    return found


def _is_machinery(kind: type) -> bool:
    if _root(kind) not in _STANDARD or issubclass(kind, Enum):
        return False
    return _full_name(kind) not in _DATA_CLASSES


def keeps_private(kind: type) -> bool:
    """Return True if the standard library or PyTorch keeps private attributes in the object."""
    for base in _mro(kind):
        name = _full_name(base)
        if name in _DATA_CLASSES:
            return False
        is_foreign = _root(base) == "torch" or _root(base) in _STANDARD
        if is_foreign and name not in _NEUTRAL_BASES:
            return True
    return False


def _root(kind: type) -> str:
    module = _module(kind)
    if type(module) is not str:
        return ""
    root, _, _ = module.partition(".")
    return root


def _full_name(kind: type) -> str:
    return f"{_module(kind)}.{qualname(kind)}"
