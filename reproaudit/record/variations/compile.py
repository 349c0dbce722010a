"""Whether torch.compile compiles the model, and which of its kernels it chooses."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

from reproaudit.record.repairs import Reach
from reproaudit.record.variations.hold import Hold

_SLOWEST_FIRST = "inverse"


def install(value: str, reach: Reach, hold: Hold) -> None:
    """Compile the forward passes of models, choose the slowest kernels, or compile nothing.

    For the last of these, the settings have switched the compiler off.
    """
    if value == "on":
        reach.when_imported("torch", functools.partial(_compile_models, reach, hold))
    elif value == "choices":
        # Not with torch: who compiles nothing need not load the compiler.
        reach.when_imported("torch._inductor.config", functools.partial(_distort, hold))
    else:
        reach.when_imported("torch", hold.take)


def _compile_models(reach: Reach, hold: Hold) -> None:
    import torch

    module_type = torch.nn.Module
    original: Callable[..., Any] = vars(module_type)["__call__"]
    # Not on the modules themselves: they are copied and saved as the program made them.
    compiled = weakref.WeakKeyDictionary[Any, Callable[..., Any]]()

    @functools.wraps(original)
    def call(module: Any, *args: Any, **kwargs: Any) -> Any:
        if "forward" in vars(module) or next(module.parameters(), None) is None:
            return original(module, *args, **kwargs)
        if module not in compiled:
            compiled[module] = torch.compile(module.forward)
            hold.take()
        # Only what the program itself calls is compiled by itself, and the compiler looks at how
        # modules are called: it is to find what it knows.
        module_type.__call__ = original  # type: ignore[method-assign]
        vars(module)["forward"] = compiled[module]
        try:
            return original(module, *args, **kwargs)
        finally:
            del vars(module)["forward"]
            module_type.__call__ = call  # type: ignore[method-assign]

    reach.patches.replace(module_type, "__call__", call)


def _distort(hold: Hold) -> None:
    from torch._inductor import config

    config.test_configs.distort_benchmarking_result = _SLOWEST_FIRST
    hold.take()
