"""Dispatch modes that leave torch.compile as it is, and that it does not compile themselves.

It would compile one that is active around a graph break.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import CodeType, ModuleType

from reproaudit.record.torch_private import SKIPS_CODE, DispatchMode, skip_code

_OURS = ("reproaudit.record.", "reproaudit.trace.")
_marked: set[str] = set()  # modules whose functions are marked


def keep_out_of_dynamo() -> None:
    """Mark every function of the recorder to be run as it is.

    Where torch cannot be told so, the mode's own wrapper does it.
    """
    if not SKIPS_CODE:
        return
    for name, module in list(sys.modules.items()):
        if name.startswith(_OURS) and name not in _marked:
            _marked.add(name)
            skip_code(_codes_in(module))


def _codes_in(module: ModuleType) -> Iterator[CodeType]:
    """Yield the code of the module's functions and of its classes' methods and properties."""
    for member in list(vars(module).values()):
        functions = list(vars(member).values()) if isinstance(member, type) else [member]
        for function in functions:
            getter_or_function = getattr(function, "fget", function)
            code = getattr(getter_or_function, "__code__", None)
            if isinstance(code, CodeType):
                yield code


class GuestMode(DispatchMode):  # type: ignore[misc]
    """What every mode of ours is: it changes nothing of how a program is compiled."""

    # A mode without it makes PyTorch refuse torch.cond, flex_attention and their like. Each is one
    # op to a mode: what runs within is not seen.
    supports_higher_order_operators = True

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        # Without this, an active dispatch mode silently turns torch.compile off, and the bug with
        # it.
        return True

    def __init__(self) -> None:
        super().__init__()
        keep_out_of_dynamo()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Dynamo must not compile us, but the wrapper that would keep it out costs 2 µs per op: our
        # code objects are marked once instead.
        return not SKIPS_CODE
