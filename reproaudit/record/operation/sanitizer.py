"""The CUDA Stream Sanitizer of PyTorch as a part to build with: its bookkeeping without its effects
at import."""

from __future__ import annotations

import importlib.util
import logging
from types import ModuleType, SimpleNamespace
from typing import Any

import torch.cuda._gpu_trace as gpu_trace

# By registry of torch.cuda._gpu_trace: the handler's method, and whether it says that the host has
# waited.
CALLBACKS = {
    "EventCreationCallbacks": ("_handle_event_creation", False),
    "EventDeletionCallbacks": ("_handle_event_deletion", False),
    "EventRecordCallbacks": ("_handle_event_record", False),
    "EventWaitCallbacks": ("_handle_event_wait", False),
    "MemoryAllocationCallbacks": ("_handle_memory_allocation", False),
    "MemoryDeallocationCallbacks": ("_handle_memory_deallocation", False),
    "StreamCreationCallbacks": ("_handle_stream_creation", False),
    "DeviceSynchronizationCallbacks": ("_handle_device_synchronization", True),
    "StreamSynchronizationCallbacks": ("_handle_stream_synchronization", True),
    "EventSynchronizationCallbacks": ("_handle_event_synchronization", True),
}


def private_sanitizer() -> ModuleType:
    """Return a copy of torch's module that no one else has, without the callbacks that importing it
    registers.

    The module in sys.modules is the program's: it may import it, or have been started with
    TORCH_CUDA_SANITIZER.
    """
    spec = importlib.util.find_spec("torch.cuda._sanitizer")
    if spec is None or spec.loader is None:
        raise ImportError("this torch has no torch.cuda._sanitizer")
    module: Any = importlib.util.module_from_spec(spec)
    registries = [getattr(gpu_trace, name) for name in CALLBACKS]
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
