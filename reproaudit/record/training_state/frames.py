"""What the program's own variables hold of training state: counters, copies, generators.

Looked at are the variables of the program's functions that are running, of its modules, and the
attributes of objects of its own classes among them.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from types import FrameType, SimpleNamespace
from typing import Any

import torch

from reproaudit.model.question import StateKind
from reproaudit.record.digest.attributes import read_attributes
from reproaudit.record.hooks.callsite import USER, FrameKinds, name_function
from reproaudit.record.hooks.frame_locals import is_function, read_locals
from reproaudit.record.state.generators import name_generator
from reproaudit.record.state.modules import children_of, walk_tensors
from reproaudit.record.training_state import readings
from reproaudit.record.training_state.objects import StateObjects, storage_address
from reproaudit.record.training_state.pieces import Named, Reading
from reproaudit.record.training_state.plain import is_numpy_number, is_plain

_MOST_FRAMES = 16
_MOST_NAMES = 1_000  # that are looked at in one step
_MOST_ITEMS = 4_096  # of a container
_DEEPEST = 3  # objects within each other's attributes
_Tensor = torch.Tensor
_KIND_OF_CLASS = (
    (("scheduler", "warmup"), StateKind.SCHEDULER),
    (("scaler",), StateKind.SCALER),
    (("sampler",), StateKind.SAMPLER_EPOCH),
)


class ProgramVariables:
    """Reads the variables of the program's frames above a hook."""

    def __init__(self, kinds: FrameKinds, objects: StateObjects, generators: Named) -> None:
        self._kinds = kinds
        self._objects = objects
        self._generators = generators

    def read(self, frame: FrameType | None) -> Iterator[Reading]:
        """Yield what the frames from this one outwards hold, each name once."""
        walk = _Walk(self._kinds, self._objects, self._generators)
        frames = 0
        seen: set[int] = set()
        while frame is not None and frames < _MOST_FRAMES:
            code = frame.f_code
            if self._kinds.of(code) == USER:
                frames += 1
                if is_function(code):
                    yield from walk.read(f"{name_function(code)}.", read_locals(frame))
                if id(frame.f_globals) not in seen:
                    seen.add(id(frame.f_globals))
                    yield from walk.read("", frame.f_globals)
            frame = frame.f_back


class _Walk:
    """One look at the variables of the program."""

    def __init__(self, kinds: FrameKinds, objects: StateObjects, generators: Named) -> None:
        self._kinds = kinds
        self._objects = objects
        self._generators = generators
        self._trained = objects.list_trained()
        self._memory = objects.list_memory()
        self._shapes = set(self._trained.values())
        self._left = _MOST_NAMES
        self._seen: set[int] = set()
        self._names: set[str] = set()

    def read(self, prefix: str, variables: Mapping[str, Any]) -> Iterator[Reading]:
        for name, value in list(variables.items()):
            if type(name) is str and not name.startswith("__"):
                yield from self._look(f"{prefix}{name}", value, 0)

    def _look(self, name: str, value: Any, depth: int) -> Iterator[Reading]:
        self._left -= 1
        if self._left < 0:
            return
        if is_plain(value) or is_numpy_number(value):
            if name not in self._names:
                self._names.add(name)
                yield readings.read_number(StateKind.PYTHON_VALUE, name, value)
            return
        if isinstance(value, type) or id(value) in self._seen or self._objects.knows(value):
            return
        self._seen.add(id(value))
        if _is_generator(value):
            self._generators.add(value, name_generator(value, name))
        elif isinstance(value, torch.nn.Module):
            yield from self._look_at_module(name, value, depth)
        elif isinstance(value, (dict, list, tuple)):
            yield from self._look_at_container(name, value)
        elif isinstance(value, SimpleNamespace) or self._is_of_program(type(value)):
            yield from self._look_at_object(name, value, depth)

    def _look_at_module(self, name: str, module: Any, depth: int) -> Iterator[Reading]:
        tensors = list(walk_tensors(module))
        is_trained = any(id(tensor) in self._trained for tensor in tensors)
        if tensors and not is_trained:
            found = readings.read_module_copy(name, module)
            if found is not None:
                yield found
        if is_trained and self._is_of_program(type(module)):
            yield from self._look_at_object(name, module, depth)
            for key, child in children_of(module).items():
                if depth < _DEEPEST:
                    yield from self._look_at_child(f"{name}.{key}", child, depth + 1)

    def _look_at_child(self, name: str, child: Any, depth: int) -> Iterator[Reading]:
        if child is not None and self._is_of_program(type(child)) and id(child) not in self._seen:
            self._seen.add(id(child))
            yield from self._look_at_object(name, child, depth)

    def _look_at_container(self, name: str, value: Any) -> Iterator[Reading]:
        """Yield the copies of parameters, or the numbers by name, that a container holds."""
        if not 0 < len(value) <= _MOST_ITEMS:
            return
        items = dict.values(value) if isinstance(value, dict) else value
        if all(isinstance(item, _Tensor) for item in items):
            tensors = list(items)
            if not self._are_copies(tensors):
                return
            found = readings.read_copy(name, tensors)
            if found is not None:
                yield found
        elif isinstance(value, dict):
            for key, item in list(dict.items(value)):
                if type(key) is str and is_plain(item):
                    yield from self._look(f"{name}[{key!r}]", item, _DEEPEST)

    def _are_copies(self, tensors: list[torch.Tensor]) -> bool:
        """Return True for tensors that look like parameters, and are neither those trained, which a
        state_dict() holds by other objects, nor their gradients."""
        if any(storage_address(tensor) in self._memory for tensor in tensors):
            return False
        if any(tensor.grad_fn is not None for tensor in tensors):
            return False
        return all(tensor.shape in self._shapes for tensor in tensors)

    def _look_at_object(self, name: str, value: Any, depth: int) -> Iterator[Reading]:
        kind = type(value)
        held = read_attributes(value, kind)
        state_kind = _guess_kind(kind.__name__)
        if state_kind is not None and not isinstance(value, torch.nn.Module):
            found = readings.read_attributes_of(kind.__name__, state_kind, held)
            if found is not None:
                yield found
            held = {key: item for key, item in held.items() if not is_plain(item)}
        if depth >= _DEEPEST:
            return
        label = kind.__name__
        for key, item in held.items():
            if isinstance(item, _Tensor) and not isinstance(value, torch.nn.Module):
                if self._are_copies([item]):
                    found = readings.read_copy(f"{label}.{key}", [item])
                    if found is not None:
                        yield found
            elif not (key.startswith("_") and isinstance(value, torch.nn.Module)):
                if key != "training":
                    yield from self._look(f"{label}.{key}", item, depth + 1)

    def _is_of_program(self, kind: type) -> bool:
        module = sys.modules.get(kind.__module__)
        file = getattr(module, "__file__", None)
        return type(file) is str and self._kinds.of_file(file) == USER


def _guess_kind(class_name: str) -> StateKind | None:
    lowered = class_name.lower()
    for words, kind in _KIND_OF_CLASS:
        if any(word in lowered for word in words):
            return kind
    return None


def _is_generator(value: object) -> bool:
    if isinstance(value, torch.Generator):
        return True
    if isinstance(value, random.Random):
        return not isinstance(value, random.SystemRandom)
    numpy_random: Any = sys.modules.get("numpy.random")
    if numpy_random is None:
        return False
    return isinstance(value, (numpy_random.Generator, numpy_random.RandomState))
