"""Which operators a call dispatches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reproaudit.record.torch_private import DispatchMode


class _Listener(DispatchMode):  # type: ignore[misc]
    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()
        self.ops: list[Any] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.ops.append(func)
        return func(*args, **(kwargs or {}))


def list_dispatched_ops(call: Callable[[], Any]) -> list[Any]:
    """Return the operators that a call dispatches, in order; higher-order ones are left out."""
    with _Listener() as listener:
        call()
    return [op for op in listener.ops if hasattr(op, "tags")]
