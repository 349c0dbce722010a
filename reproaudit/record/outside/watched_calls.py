"""What describes one call that is wrapped: whose calls count, and what is recorded of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

MAX_REPR = 4096  # characters of a value's text, or bytes of an array, that are recorded


class CallerScope(Enum):
    """Whose calls are recorded."""

    PROGRAM = 1  # the program's alone
    DIRECT = 2  # those of installed libraries too
    ANY = 3  # also those that Python's own library makes


class RecordedValue(NamedTuple):
    """What is recorded of a result: a short text for readers, and the bytes that are compared."""

    shown: str
    content: bytes


@dataclass(frozen=True, slots=True)
class WatchedCall:
    """One call that is wrapped, by the owner's attribute.

    `state` reads the digest of what the call draws from. `value(result, args, kwargs)` chooses what
    is recorded of the result; None records only that the call was made. `counts(args, kwargs)` says
    after the call whether it is recorded at all.
    """

    owner: Any
    attribute: str
    name: str
    state: Callable[[], tuple[int, int] | None] | None = None
    value: Callable[[Any, Any, Any], Any] | None = None
    callers: CallerScope = CallerScope.DIRECT
    counts: Callable[[Any, Any], bool] | None = None


def presence(result: Any, args: Any, kwargs: Any) -> Any:
    """Record only that the call was made: its results are objects or come later."""
    return None
