"""Keeping Dynamo from compiling the recorder when it is active around a graph break."""

from __future__ import annotations

import sys
from types import CodeType
from typing import Any

import torch

_eval_frame: Any = getattr(torch._C, "_dynamo", None) and torch._C._dynamo.eval_frame
# What torch._dynamo.eval_frame.skip_code does, without importing torch._dynamo into a program that never compiles.
SKIPS_CODE = all(
    hasattr(_eval_frame, name) for name in ("set_code_exec_strategy", "_FrameExecStrategy", "_FrameAction")
)
_marked: set[str] = set()  # modules whose functions are marked


def keep_out_of_dynamo() -> None:
    """Mark every function of the recorder to be run as it is. Where torch cannot, the mode's own wrapper does it."""
    if not SKIPS_CODE:
        return
    action = _eval_frame._FrameAction
    strategy = _eval_frame._FrameExecStrategy(action.SKIP, action.DEFAULT)
    for name, module in list(sys.modules.items()):
        if name.startswith(("reproaudit.record.", "reproaudit.trace.")) and name not in _marked:
            _marked.add(name)
            for member in list(vars(module).values()):
                for function in list(vars(member).values()) if isinstance(member, type) else (member,):
                    code = getattr(getattr(function, "fget", function), "__code__", None)  # of a property, its getter
                    if isinstance(code, CodeType):
                        _eval_frame.set_code_exec_strategy(code, strategy)
