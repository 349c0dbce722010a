"""Readings of what a training program is made of: optimizers, schedulers, scalers, modules.

None of the program's own code is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from reproaudit.model.question import StateKind
from reproaudit.record.boundary.names import Names
from reproaudit.record.digest.python_values import value_digest
from reproaudit.record.digest.tensors import Digest, combine, digest, raw_bytes
from reproaudit.record.state.modules import state_of, walk_modules, walk_tensors
from reproaudit.record.training_state.pieces import Reading
from reproaudit.record.training_state.plain import (
    digest_plain,
    digest_plain_part,
    is_plain,
    take_plain,
)

_Tensor = torch.Tensor
NOTHING: Digest = (0, 0)
_HELD_ELSEWHERE = frozenset(("params", "initial_lr"))
# Of modules that are wrapped by AveragedModel and its like: how many updates were made.
_COUNTERS = ("n_averaged",)


def read_optimizer(name: str, optimizer: Any) -> Iterator[Reading]:
    """Yield an optimizer's state and each of its settings."""
    digests: list[Digest] = []
    signs: set[Digest] = set()
    parameters = 0
    steps: set[str] = set()
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            held = dict.get(optimizer.state, parameter)
            if not isinstance(held, dict) or not held:
                digests.append(NOTHING)
                continue
            parameters += 1
            for key in sorted(held, key=str):
                value = held[key]
                found = _digest_value(value)
                digests.append(found)
                if isinstance(value, _Tensor):
                    signs.add(found)
                if key == "step":
                    steps.add(_show_step(value))
    for group in optimizer.param_groups:
        settings = digest_plain_part(_settings_of(group))
        if settings is not None and not signs:
            signs.add(settings)
    shown = "none"
    if parameters:
        shown = f"that of {parameters} parameters"
        if len(steps) == 1:
            shown += f" after {steps.pop()} steps"
    is_empty = not parameters
    combined = NOTHING if is_empty else combine(digests)
    yield Reading(StateKind.OPTIMIZER, name, combined, shown=shown, signs=frozenset(signs))
    for number, group in enumerate(optimizer.param_groups):
        label = f"{name} group {number}" if len(optimizer.param_groups) > 1 else name
        for key, value in _settings_of(group).items():
            if isinstance(value, _Tensor) and value.numel() == 1:
                found, text = _digest_value(value), repr(value.item())
            elif is_plain(value) or type(value) is tuple:
                found, text = _digest_value(value), repr(value)
            else:
                continue
            yield Reading(
                StateKind.OPTIMIZER, f"{label}: {key}", found, shown=text, signs=frozenset(signs)
            )


def _settings_of(group: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key not in _HELD_ELSEWHERE}


def _show_step(value: object) -> str:
    if isinstance(value, _Tensor):
        value = value.item() if value.numel() == 1 else ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _digest_value(value: object) -> Digest:
    if isinstance(value, _Tensor):
        return digest(value) or NOTHING
    return value_digest(value) or NOTHING


def read_parameters(optimizers: Iterable[tuple[str, Any]], names: Names) -> Iterator[Reading]:
    """Yield the parameters that optimizers step, called by their places there.

    What they are called in a module is not known before it is called, which may be in the step.
    """
    for label, optimizer in optimizers:
        for group_number, group in enumerate(optimizer.param_groups):
            for number, parameter in enumerate(group["params"]):
                found = digest(parameter)
                if found is None:
                    continue
                yield Reading(
                    StateKind.PARAMETERS,
                    f"{label} group{group_number}[{number}]",
                    found,
                    shown=names.parameter(parameter) or "",
                    signs=frozenset((found,)),
                )


def read_buffers(modules: Iterable[tuple[str, Any]]) -> Iterator[Reading]:
    """Yield the buffers of modules, each with what goes before the buffers' names."""
    for prefix, module in modules:
        held = state_of(module)
        if held is None:
            continue
        for key, tensor in held.buffers.items():
            found = None if tensor is None else digest(tensor)
            if found is not None:
                name = f"{prefix}{key}"
                yield Reading(StateKind.BUFFERS, name, found, signs=frozenset((found,)))


def read_gradients(optimizers: Iterable[Any]) -> Reading:
    """Return what backward passes have left for the next step to use; zeros are nothing."""
    digests = []
    count = 0
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                found = None if gradient is None else digest(gradient)
                if found is None or _is_zero(gradient):
                    digests.append(NOTHING)
                    continue
                count += 1
                digests.append(found)
    if not count:
        return Reading(StateKind.ACCUMULATION, "gradients", NOTHING, shown="none")
    return Reading(
        StateKind.ACCUMULATION,
        "gradients",
        combine(digests),
        shown=f"those of {count} parameters",
        signs=frozenset(one for one in digests if one != NOTHING),
    )


def _is_zero(tensor: torch.Tensor) -> bool:
    raw = raw_bytes(tensor)
    return raw is not None and not bytes(raw[2]).strip(b"\0")


def read_scheduler(name: str, scheduler: Any) -> Reading | None:
    """Return where a scheduler of learning rates is."""
    digests = []
    shown = ""
    for part in list_parts(scheduler):
        held = vars(part)
        found = digest_plain_part(held)
        if found is not None:
            digests.append(found)
        if not shown and "last_epoch" in held:
            shown = f"last_epoch {held['last_epoch']!r}"
    if not digests:
        return None
    signs = frozenset(digests)
    return Reading(StateKind.SCHEDULER, name, combine(digests), shown=shown, signs=signs)


def list_parts(scheduler: Any) -> list[Any]:
    """Return a scheduler and those that it is made of."""
    found = [scheduler]
    for part in vars(scheduler).get("_schedulers") or ():
        found += list_parts(part)
    return found


def read_scaler(name: str, scaler: Any) -> Reading | None:
    """Return the scale of gradients, and how many steps it has held; None if it is off."""
    held = scaler.state_dict()
    found = digest_plain_part(held)
    if found is None:
        return None
    shown = f"scale {held.get('scale')!r}, growth tracker {held.get('_growth_tracker')!r}"
    return Reading(StateKind.SCALER, name, found, shown=shown, signs=frozenset((found,)))


def read_copy(name: str, tensors: Iterable[Any], shown: str = "") -> Reading | None:
    """Return tensors that are a program's own copy of what it trains."""
    digests = [found for found in map(digest, tensors) if found is not None]
    if not digests:
        return None
    text = shown or f"{len(digests)} tensors"
    return Reading(StateKind.AVERAGE, name, combine(digests), shown=text, signs=frozenset(digests))


def read_module_copy(name: str, module: Any) -> Reading | None:
    """Return a module that no optimizer steps, as a piece."""
    shown = ""
    held = state_of(module)
    for counter in _COUNTERS if held is not None else ():
        tensor = held.buffers.get(counter) if held is not None else None
        if tensor is not None and tensor.numel() == 1:
            shown = f"after {tensor.item()} updates"
    return read_copy(name, walk_tensors(module), shown)


def list_buffered(root: Any, label: str) -> Iterator[tuple[str, Any]]:
    """Yield the modules below `root` that hold buffers, with what goes before their names."""
    for path, module in walk_modules(root):
        found = state_of(module)
        if found is not None and found.buffers:
            yield f"{path or label}.", module


def read_attributes_of(name: str, kind: StateKind, held: dict[str, Any]) -> Reading | None:
    """Return the plain attributes of an object as one piece."""
    found = digest_plain_part(held)
    if found is None:
        return None
    plain = take_plain(held)
    shown = ", ".join(f"{key} {value!r}" for key, value in list(plain.items())[:3])
    return Reading(kind, name, found, shown=shown, signs=frozenset((found,)))


def read_number(kind: StateKind, name: str, value: object) -> Reading:
    """Return a plain value as a piece."""
    return Reading(kind, name, digest_plain(value), shown=repr(value))
