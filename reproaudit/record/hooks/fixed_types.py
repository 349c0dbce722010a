"""Replacing methods of types that Python code cannot assign to: those written in C.

A subclass put in the type's place would be another type: `type(x) is datetime`, pickling by name,
tables keyed by the type and everything that C code creates would see the difference. So the type
stays, and only its method is exchanged.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Any

from reproaudit.record.hooks.patching import Patches

_HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_IMMUTABLE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE
_drop_cached_lookups = ctypes.pythonapi.PyType_Modified


def is_fixed(owner: object) -> bool:
    """Return True for a type that refuses assignment to its attributes."""
    if not isinstance(owner, type):
        return False
    is_static = not owner.__flags__ & _HEAP
    return is_static or bool(owner.__flags__ & _IMMUTABLE)


def replace_member(patches: Patches, owner: Any, name: str, value: Any) -> None:
    """Set `owner.name` to `value` until undone, whatever `owner` is."""
    if is_fixed(owner):
        _replace_in_type(patches, owner, name, value)
    else:
        patches.replace(owner, name, value)


def _replace_in_type(patches: Patches, owner: type, name: str, value: Any) -> None:
    # The proxy that `vars(owner)` gives refers to one object, the type's own dictionary.
    (members,) = gc.get_referents(vars(owner))
    before = members[name]

    def put(member: Any) -> None:
        # Cached lookups hold the old member without owning it: it must outlive them.
        old = members[name]
        members[name] = member
        _drop_cached_lookups(ctypes.py_object(owner))
        del old

    put(value)
    patches.on_undo(lambda: put(before))
