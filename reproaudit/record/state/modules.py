"""The state of one module, without its children, as it is held now: no code of a class runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from reproaudit.record.torch_private import MODULE_STATE

_PARAMETERS, _BUFFERS, _TRANSIENT, _MODULES = MODULE_STATE


class ModuleState(NamedTuple):
    """The dicts that a module itself uses. `transient` buffers are no part of its state."""

    parameters: dict[str, Any]
    buffers: dict[str, Any]
    transient: frozenset[str]


def state_of(module: Any) -> ModuleState | None:
    """Return a module's own parameters and buffers; None if it holds them in another way."""
    held = vars(module)
    parameters = held.get(_PARAMETERS)
    buffers = held.get(_BUFFERS)
    if not isinstance(parameters, dict) or not isinstance(buffers, dict):
        return None
    return ModuleState(parameters, buffers, frozenset(held.get(_TRANSIENT, ())))


def children_of(module: Any) -> dict[str, Any]:
    """Return a module's own children."""
    children = vars(module).get(_MODULES)
    return children if isinstance(children, dict) else {}


def walk_modules(root: Any) -> Iterator[tuple[str, Any]]:
    """Yield the module and those below it with their paths, each once, as `named_modules` does.

    A class may override that, and be asked for it by nobody but us.
    """
    stack: list[tuple[str, Any]] = [("", root)]
    seen: set[int] = set()
    while stack:
        path, module = stack.pop()
        if module is None or id(module) in seen:
            continue
        seen.add(id(module))
        yield path, module
        prefix = f"{path}." if path else ""
        for name, child in reversed(children_of(module).items()):
            stack.append((f"{prefix}{name}", child))


def walk_parameters(root: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parameters of the module and of those below it, with their paths."""
    for path, module in walk_modules(root):
        found = state_of(module)
        if found is None:
            continue
        prefix = f"{path}." if path else ""
        for name, parameter in found.parameters.items():
            if parameter is not None:
                yield f"{prefix}{name}", parameter


def walk_tensors(root: Any) -> Iterator[Any]:
    """Yield the parameters and buffers of the module and of those below it."""
    for _, module in walk_modules(root):
        found = state_of(module)
        if found is None:
            continue
        for tensor in (*found.parameters.values(), *found.buffers.values()):
            if tensor is not None:
                yield tensor
