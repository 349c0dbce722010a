"""The CUDA Stream Sanitizer of PyTorch as a part to build with.

Its bookkeeping is taken, without what importing it does to the process.
"""

from __future__ import annotations

import importlib.util
import logging
from types import ModuleType, SimpleNamespace
from typing import Any

from reproaudit.record.torch_private import SANITIZER_CALLBACKS, gpu_trace, sanitizer_spec


def private_sanitizer() -> ModuleType:
    """Return a copy of torch's module that no one else has, without the callbacks that importing it
    registers.

    The module in sys.modules is the program's: it may import it, or have been started with
    TORCH_CUDA_SANITIZER.
    """
    spec = sanitizer_spec()
    if spec is None or spec.loader is None:
        raise ImportError("this torch has no torch.cuda._sanitizer")
    module: Any = importlib.util.module_from_spec(spec)
    trace = gpu_trace()
    registries = [getattr(trace, name) for name in SANITIZER_CALLBACKS]
    before = [len(registry.callback_list) for registry in registries]
    try:
        spec.loader.exec_module(module)  # which switches the trace on, for the rest of the process
    finally:
        for registry, length in zip(registries, before, strict=True):
            del registry.callback_list[length:]
    # Stack traces are not wanted: each operator comes with its line. Nor are log records in the
    # program's own log.
    nothing = SimpleNamespace(
        StackSummary=SimpleNamespace(extract=lambda *_, **__: []), walk_stack=lambda _: ()
    )
    module.traceback = nothing
    module.logger = logging.Logger("reproaudit.sanitizer", logging.CRITICAL)
    return module  # type: ignore[no-any-return]
