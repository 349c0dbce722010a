"""The dispatch mode that lifts the strict flag for operators that raise under it, for no others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reproaudit.record.hooks.dynamo import GuestMode
from reproaudit.record.hooks.op_calls import call_op
from reproaudit.record.state import flags

_make_lock = threading.Lock


class WarnWhereRefused(GuestMode):
    """Runs each operator under the strict flag, and again under one that warns if it raises.

    A kernel refuses before it writes anything.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = _make_lock()
        self._calls = 0  # under way, in all threads, with the flag lifted

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        try:
            return call_op(func, args, kwargs)
        except RuntimeError as error:
            if not flags.is_refusal(error):
                raise
        with self._lift_flag():
            return call_op(func, args, kwargs)

    @contextmanager
    def _lift_flag(self) -> Iterator[None]:
        """Have the flag warn within. It is one for all threads: the last one puts it back."""
        with self._lock:
            self._calls += 1
            flags.set_warning(True)
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
                if not self._calls:
                    flags.set_warning(False)
