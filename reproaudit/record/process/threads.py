"""Numbers the program's threads in the order in which they are started.

A thread that is not numbered is none that makes two runs of the program differ.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Iterator
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
    functions = list(_list_methods(type(thread))) if target is None else [target]
    given = [value for name, value in own.items() if name not in _OF_EVERY_THREAD]
    given += [*own.get("_args", ()), *own.get("_kwargs", {}).values()]
    return all(map(_is_idle, functions)) and all(map(_cannot_compute, given))


def _list_methods(kind: type[threading.Thread]) -> Iterator[Any]:
    """Yield what a class of threads defines beside its start."""
    for owner in kind.__mro__[: kind.__mro__.index(threading.Thread)]:
        for name, member in list(vars(owner).items()):
            if isinstance(member, FunctionType) and name != "__init__":
                yield member


def _is_idle(function: Any) -> bool:
    """Return True for a function of a library that calls nothing which computes."""
    if not isinstance(function, FunctionType) or function.__closure__:
        return False
    code = function.__code__
    if not any(part in code.co_filename for part in _INSTALLED):
        return False
    reached = [function.__globals__[name] for name in code.co_names if name in function.__globals__]
    return all(_imports_nothing_that_computes(_find_module(value)) for value in reached)


def _cannot_compute(value: Any) -> bool:
    if isinstance(value, _PLAIN):
        return True
    name = _find_module(value)
    file = getattr(sys.modules.get(name), "__file__", None)
    is_installed = isinstance(file, str) and any(part in file for part in _INSTALLED)
    return is_installed and _imports_nothing_that_computes(name)


def _imports_nothing_that_computes(name: str) -> bool:
    """Return True for a module that imports neither torch nor NumPy."""
    module = sys.modules.get(name)
    imported = {name}
    if module is not None:
        imported.update(_find_module(value) for value in list(vars(module).values()))
    return not any(one.partition(".")[0] in _COMPUTING for one in imported)


def _find_module(value: Any) -> str:
    """Return the name of a module, or of that which defines a value or its class."""
    if type(value) is MethodType:
        value = value.__self__
    if isinstance(value, ModuleType):
        return str(vars(value).get("__name__"))
    if not isinstance(value, (type, FunctionType)):
        value = type(value)
    return str(value.__module__)
