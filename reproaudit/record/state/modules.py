"""The state of one module, without its children, as it is held now: no code of a class runs."""

from __future__ import annotations

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
