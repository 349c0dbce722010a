"""Which function of an installed library made a call into the outside world, and how it is seeded.

A library that asks the operating system for a seed mostly takes one as an argument: that is what
the program should be told.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Callable, Iterator
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    MethodDescriptorType,
    ModuleType,
)
from typing import Any

from reproaudit.model.events import LibraryCall
from reproaudit.record.hooks.callsite import LIBRARY, USER, FrameKinds

# What libraries call the argument for a seed, the likeliest first.
_SEED_ARGUMENTS = ("random_state", "seed", "rng", "random_seed")
_MAKERS = ("__init__", "__new__", "__call__")
# Of these the own name says more than that of their type.
_NAMED = (type, BuiltinFunctionType, FunctionType, MethodDescriptorType)


def find_library_call(frame: FrameType | None, call: str, kinds: FrameKinds) -> LibraryCall | None:
    """Return what the program called of a library, below which `call` was made.

    `frame` is the one that made the call. None if the program made it itself, or if the library is
    the one whose call is watched. Never raises: frames hold values of any kind.
    """
    try:
        found = _find_library_call(frame, kinds)
    except Exception:
        # Looking a value up may run code of its class, whose failure is not the program's. Then the
        # call counts as the program's own, as without this.
        return None
    if found is None or _top_of(found.function) == _top_of(call):
        return None
    return found


def _find_library_call(frame: FrameType | None, kinds: FrameKinds) -> LibraryCall | None:
    inner: list[FrameType] = []
    while frame is not None and kinds.of(frame.f_code) != USER:
        inner.append(frame)
        frame = frame.f_back
    if frame is None:
        return None
    if not inner:
        function = _name_compiled_function(frame, kinds)
        return LibraryCall(function) if function else None
    # From the program's line inwards; wrappers of decorators say nothing.
    library = [other for other in reversed(inner) if kinds.of(other.f_code) == LIBRARY]
    named = [other for other in library if "<" not in _qualified_name(other.f_code)]
    if not named:
        return None
    function = f"{_module_of(named[0])}.{_qualified_name(named[0].f_code)}"
    if named[0] is not library[0]:
        wrapped = _find_wrapped_call(frame)
        if wrapped is not None and wrapped.seeded:
            return wrapped
        if wrapped is not None:
            function = wrapped.function
    for other in named:
        for seeded, argument in _find_seed_arguments(other):
            return LibraryCall(function, seeded, argument)
    return LibraryCall(function)


def _find_wrapped_call(frame: FrameType) -> LibraryCall | None:
    """Return what the program's line calls, if that is a function inside of a wrapper.

    Wrappers call other functions first, so that the next frame may be of one of these.
    """
    call = _parse_running_call(frame)
    value = _look_up(call.func, frame) if call is not None else None
    if call is None or not inspect.isfunction(value):
        return None
    inside = inspect.unwrap(value)
    if inside is value or not inspect.isfunction(inside):
        return None
    function = f"{value.__module__}.{value.__qualname__}"
    given = {keyword.arg for keyword in call.keywords if not _is_none(keyword.value)}
    open_arguments = _arguments_of(inside.__code__)[len(call.args) :]
    for argument in _SEED_ARGUMENTS:
        if argument in open_arguments and argument not in given:
            return LibraryCall(function, value.__name__, argument)
    return LibraryCall(function)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _find_seed_arguments(frame: FrameType) -> Iterator[tuple[str, str]]:
    """Yield what could be given a seed and was not, by the name that a call of it has.

    That is the function that runs in the frame, or the class of the object that it belongs to.
    """
    code = frame.f_code
    arguments = _arguments_of(code)
    given = frame.f_locals
    *_, owner, name = ("", *_qualified_name(code).split("."))
    for argument in _SEED_ARGUMENTS:
        if argument in arguments and not _is_seed(given.get(argument)):
            yield (owner if name in _MAKERS else name), argument
    if arguments[:1] != ("self",) or name in _MAKERS:
        return
    made_by = type(given["self"])
    attributes = getattr(given["self"], "__dict__", {})
    init = inspect.unwrap(made_by.__init__)
    if not inspect.isfunction(init):
        return
    for argument in _SEED_ARGUMENTS:
        if argument in _arguments_of(init.__code__) and not _is_seed(attributes.get(argument)):
            yield made_by.__name__, argument


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _arguments_of(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _qualified_name(code: CodeType) -> str:
    return str(getattr(code, "co_qualname", code.co_name))  # from Python 3.11 on


def _module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _top_of(name: str) -> str:
    return name.partition(".")[0]


# Compiled functions have no frame: the program's own line says what it calls.


def _name_compiled_function(frame: FrameType, kinds: FrameKinds) -> str:
    """Return the name of what the frame calls now, or of its type; "" if no library has it."""
    call = _parse_running_call(frame)
    if call is None:
        return ""
    value = _look_up(call.func, frame)
    named = value if isinstance(value, _NAMED) else type(value)
    module = getattr(named, "__module__", None)
    name = getattr(named, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return ""
    package = sys.modules.get(_top_of(module))
    path = getattr(package, "__file__", None)
    if not isinstance(path, str) or kinds.of_file(path) != LIBRARY:
        return ""
    return f"{module}.{name}"


def _parse_running_call(frame: FrameType) -> ast.Call | None:
    """Return the call that the frame's running instruction makes; None if it cannot be told."""
    positions: Callable[[], Any] | None = getattr(frame.f_code, "co_positions", None)
    if positions is None:
        return None
    places = list(positions())
    line, end_line, column, end_column = places[frame.f_lasti // 2]
    if None in (line, end_line, column, end_column):
        return None
    rows = linecache.getlines(frame.f_code.co_filename, frame.f_globals)[line - 1 : end_line]
    encoded = [row.encode() for row in rows]
    # The end first: the first row may be the last one, too.
    encoded[-1] = encoded[-1][:end_column]
    encoded[0] = encoded[0][column:]
    text = b"".join(encoded).decode()
    expression = ast.parse(text, mode="eval").body
    return expression if isinstance(expression, ast.Call) else None


def _look_up(function: ast.expr, frame: FrameType) -> Any:
    """Return what a dotted name stands for, without running any code of its owners."""
    if isinstance(function, ast.Name):
        if function.id in frame.f_locals:
            return frame.f_locals[function.id]
        return frame.f_globals.get(function.id)
    if isinstance(function, ast.Attribute):
        owner = _look_up(function.value, frame)
        if isinstance(owner, ModuleType):
            return vars(owner).get(function.attr)
        return inspect.getattr_static(owner, function.attr, None)
    return None
