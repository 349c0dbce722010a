"""Numbers the program's threads in the order in which they are started.

A thread that is not numbered is none that makes two runs of the program differ.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from reproaudit.record.hooks.callers import outer_frame
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder

_POOLS = ("threading", "concurrent.futures.")  # what starts threads for others
# What torch.compile starts compiles, and runs nothing of the program.
_COMPILER = ("torch._inductor.", "torch._dynamo.", "triton.")
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_COMPUTING = ("torch", "numpy")
# With a name of its own, so that no number of a name is used up.
_OF_EVERY_THREAD = frozenset(vars(threading.Thread(name="none")))
_PLAIN = (str, int, float, type(None), BuiltinFunctionType, threading.Event, type(threading.Lock()))


class ThreadStarts:
    """Has the recorder number each thread before it runs, but not those of torch.compile, nor
    those by which libraries show how far they are."""

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        original = threading.Thread.start

        @functools.wraps(original)
        def start(thread: threading.Thread) -> None:
            if not _is_started_by_compiler() and not _is_apart(thread):
                recorder.expect_thread(thread)
            original(thread)

        patches.replace(threading.Thread, "start", start)


def _is_started_by_compiler() -> bool:
    frame = outer_frame(1)
    while frame is not None:
        # A program may give its modules any name.
        module = str(frame.f_globals.get("__name__"))
        if not module.startswith(_POOLS):
            return module.startswith(_COMPILER)
        frame = frame.f_back
    return False


def _is_apart(thread: threading.Thread) -> bool:
    """Return True if a thread runs code of a library that computes nothing, and was given nothing
    that could: a progress bar has such a thread. What a thread of a library was given may still be
    the program's, as the generator of one that reads ahead."""
    own = vars(thread)
    target = own.get("_target")
    runs = type(thread) if target is None else target
    given = [value for name, value in own.items() if name not in _OF_EVERY_THREAD]
    given += [*own.get("_args", ()), *own.get("_kwargs", {}).values()]
    return _is_of_idle_library(runs) and all(map(_cannot_compute, given))


def _cannot_compute(value: Any) -> bool:
    return isinstance(value, _PLAIN) or _is_of_idle_library(value)


def _is_of_idle_library(value: Any) -> bool:
    """Return True for what an installed module defines that imports neither torch nor NumPy."""
    name = _find_module(value)
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not any(part in file for part in _INSTALLED):
        return False
    imported = {_find_module(one) for one in list(vars(module).values())}
    return not any(one.partition(".")[0] in _COMPUTING for one in (name, *imported))


def _find_module(value: Any) -> str:
    """Return the name of a module, or of that which defines a value or its class."""
    if type(value) is MethodType:
        value = value.__self__
    if isinstance(value, ModuleType):
        return str(vars(value).get("__name__"))
    if not isinstance(value, (type, FunctionType)):
        value = type(value)
    return str(value.__module__)
