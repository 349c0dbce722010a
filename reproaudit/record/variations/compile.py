"""Whether torch.compile compiles the model, and which of its kernels it chooses."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MethodType
from typing import Any

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Compile the forward passes of models, choose the slowest kernels, or compile nothing.

    The last two are made by variables of the environment, which the compiler reads.
    """
    if value == "on":
        reach.when_imported("torch", functools.partial(_compile_models, reach, hold))
    elif value == "choices":
        # Not with torch: who compiles nothing need not load the compiler.
        reach.when_imported("torch._inductor.config", hold.take)
    else:
        reach.when_imported("torch", hold.take)


def _compile_models(reach: Reach, hold: Hold) -> None:
    import torch

    module_type = torch.nn.Module
    original: Callable[..., Any] = vars(module_type)["__call__"]
    # By the module's class. Nothing is kept of a module, nor on it: it is copied, saved and
    # forgotten as the program made it.
    compiled: dict[type, Callable[..., Any]] = {}

    def is_to_be_compiled(module: Any) -> bool:
        if "forward" in vars(module) or isinstance(module, torch.jit.ScriptModule):
            return False
        return next(module.parameters(), None) is not None

    @functools.wraps(original)
    def call(module: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_to_be_compiled(module):
            return original(module, *args, **kwargs)
        kind = type(module)
        if kind not in compiled:
            compiled[kind] = torch.compile(kind.forward)
            hold.take()
        # Only what the program itself calls is compiled by itself, and the compiler looks at how
        # modules are called: it is to find what it knows.
        module_type.__call__ = original  # type: ignore[method-assign]
        vars(module)["forward"] = MethodType(compiled[kind], module)
        try:
            return original(module, *args, **kwargs)
        finally:
            del vars(module)["forward"]
            module_type.__call__ = call  # type: ignore[method-assign]

    reach.patches.replace(module_type, "__call__", call)
