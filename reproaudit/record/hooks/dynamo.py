"""Dispatch modes that leave torch.compile as it is, and are not compiled when one is active around
a graph break."""

from __future__ import annotations

import sys
from types import CodeType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_eval_frame: Any = getattr(torch._C, "_dynamo", None) and torch._C._dynamo.eval_frame
# What torch._dynamo.eval_frame.skip_code does, without importing torch._dynamo into a program that
# never compiles.
SKIPS_CODE = all(
    hasattr(_eval_frame, name)
    for name in ("set_code_exec_strategy", "_FrameExecStrategy", "_FrameAction")
)
_marked: set[str] = set()  # modules whose functions are marked


def keep_out_of_dynamo() -> None:
    """Mark every function of the recorder to be run as it is. Where torch cannot, the mode's own
    wrapper does it."""
    if not SKIPS_CODE:
        return
    action = _eval_frame._FrameAction
    strategy = _eval_frame._FrameExecStrategy(action.SKIP, action.DEFAULT)
    for name, module in list(sys.modules.items()):
        if name.startswith(("reproaudit.record.", "reproaudit.trace.")) and name not in _marked:
            _marked.add(name)
            for member in list(vars(module).values()):
                for function in (
                    list(vars(member).values()) if isinstance(member, type) else (member,)
                ):
                    code = getattr(
                        getattr(function, "fget", function), "__code__", None
                    )  # of a property, its getter
                    if isinstance(code, CodeType):
                        _eval_frame.set_code_exec_strategy(code, strategy)


class GuestMode(TorchDispatchMode):
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
