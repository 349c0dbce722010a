"""The clock as `datetime` reads it: in C, by asking the operating system itself."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from typing import Any

from reproaudit.record.hooks.fixed_types import replace_member
from reproaudit.record.hooks.patching import Patches

OnNow = Callable[[str, Any], Any]

_CALLS = (
    (datetime.datetime, "now"),
    (datetime.datetime, "utcnow"),
    (datetime.date, "today"),
)


def replace_now(patches: Patches, on_now: OnNow) -> None:
    """Let `on_now(name, value)` choose what `datetime.now`, `utcnow` and both `today` return.

    `name` is that of the call, such as "datetime.datetime.now"; `value` is an instance of the class
    that was asked. The program's frame is two above that of `on_now`. The classes stay what they
    are. Replacing twice nests.
    """
    for owner, attribute in _CALLS:
        replacement = _wrap_now(owner, attribute, on_now)
        replace_member(patches, owner, attribute, replacement)


def _wrap_now(owner: type, attribute: str, on_now: OnNow) -> Any:
    original = vars(owner)[attribute]

    @functools.wraps(original)
    def now(cls: type, /, *args: Any, **kwargs: Any) -> Any:
        # Bound to the class that was asked: a subclass gives an instance of its own.
        read = original.__get__(None, cls)
        value = read(*args, **kwargs)
        asked = "date"
        # A datetime is a date too, and inherits its `today`.
        if issubclass(cls, datetime.datetime):
            asked = "datetime"
        name = f"datetime.{asked}.{attribute}"
        return on_now(name, value)

    return classmethod(now)
