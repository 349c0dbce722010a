"""Plain values, and the plain part of an object's state, as what they are compared by."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from reproaudit.record.digest.python_values import value_digest
from reproaudit.record.digest.tensors import Digest

_LONGEST_SHOWN = 40  # characters
_LARGEST = 10**20
_LONGEST_LIST = 64
_NUMBERS = (bool, int, float)
# What a scheduler keeps of how it was called, and not of where it is.
_CALLS = frozenset(("_step_count", "_get_lr_called_within_step", "_is_initial", "verbose"))
# The rates that it has given to its optimizer, where they are looked at.
_OUTPUTS = frozenset(("_last_lr",))


def is_plain(value: object) -> bool:
    """Return True for a number, a truth value or a short text."""
    kind = type(value)
    if kind is int:
        return -_LARGEST < value < _LARGEST  # type: ignore[operator]
    return kind in (bool, float) or (kind is str and len(value) <= _LONGEST_SHOWN)  # type: ignore[arg-type]


def is_numpy_number(value: object) -> bool:
    """Return True for a scalar of NumPy."""
    numpy: Any = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, (numpy.number, numpy.bool_))


def digest_plain(value: object) -> Digest:
    """Return the digest of a plain value."""
    return value_digest(value) or (0, 0)


def take_plain(held: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the numbers, texts and lists of numbers of a dict, without what tells of calls."""
    found = {}
    for key in held:
        if type(key) is not str or key in _CALLS or key in _OUTPUTS:
            continue
        value = held[key]
        if is_plain(value) or _is_list_of_numbers(value):
            found[key] = value
    return found


def digest_plain_part(held: Mapping[Any, Any]) -> Digest | None:
    """Return the digest of the plain part of a dict, whatever its order; None if it has none."""
    found = take_plain(held)
    if not found:
        return None
    items = []
    for key in sorted(found):
        value = found[key]
        items.append((key, list(value) if type(value) is tuple else value))
    return value_digest(items)


def _is_list_of_numbers(value: object) -> bool:
    if type(value) not in (list, tuple):
        return False
    items: Any = value
    return 0 < len(items) <= _LONGEST_LIST and all(type(item) in _NUMBERS for item in items)
