"""TorchScript: what it runs is compared by what goes in and comes out.

What runs within is the executor's choice, not the program's: it profiles the first calls, and runs
other operators from then on. While a function is traced for it nothing is recorded either, for a
tracer and a dispatch mode do not go together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from reproaudit.model.events import Unchecked
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.operation.dispatch import OperationMode
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.torch_private import SCRIPT_CALLS, DisableDispatch

_PREFIX = "torchscript::"


class ScriptedRegions:
    """Replaces the calls of scripted and traced functions, and `torch.jit.trace` itself."""

    def __init__(self, mode: OperationMode) -> None:
        self._mode = mode
        self._recorder = mode.recorder
        self._traces = 0  # under way

    def install(self, patches: Patches) -> None:
        for place in SCRIPT_CALLS:
            patches.replace(place.owner, place.name, self._wrap_call(place.value))
        for name in ("trace", "trace_module"):
            original = getattr(torch.jit, name)
            patches.replace(torch.jit, name, self._wrap_trace(original))

    def _wrap_trace(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def trace(*args: Any, **kwargs: Any) -> Any:
            self._traces += 1
            try:
                with DisableDispatch():
                    return original(*args, **kwargs)
            finally:
                self._traces -= 1

        return trace

    def _wrap_call(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __call__(function: Any, /, *args: Any, **kwargs: Any) -> Any:
            recorder = self._recorder
            state = recorder.state
            if self._traces or state.inside or not recorder.active:
                return original(function, *args, **kwargs)
            return self._record(original, function, args, kwargs)

        return __call__

    def _record(self, original: Callable[..., Any], function: Any, args: Any, kwargs: Any) -> Any:
        self._recorder.writer.note(
            Unchecked.SCRIPTED_REGIONS,
            "inside the functions that TorchScript runs",
            "each is seen by what goes in and comes out",
        )
        name = str(function.name)
        info = OpInfo(name=f"{_PREFIX}{name}", base=name)
        call = functools.partial(original, function)
        return self._mode.record_region(call, info, args, kwargs)
