"""Names of modules and parameters, as the user would write them.

They are paths below the module that the program calls.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import torch

from reproaudit.record.state.modules import walk_modules, walk_parameters

T = TypeVar("T")


class ByObject(Generic[T]):
    """What is known of objects, for as long as they live.

    They are found by identity: a class of the program may compare and hash its objects by any code
    of its own, and a tensor compares its elements.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Any], T]] = {}

    def get(self, item: Any) -> T | None:
        found = self._known.get(id(item))
        # The id of an object that was freed may be another's by now.
        if found is None or found[0]() is not item:
            return None
        return found[1]

    def add(self, item: Any, value: T) -> None:
        key = id(item)
        self._known[key] = (weakref.ref(item, functools.partial(self._forget, key)), value)

    def _forget(self, key: int, reference: weakref.ref[Any]) -> None:
        found = self._known.get(key)
        if found is not None and found[0] is reference:
            del self._known[key]


class Names:
    """Module paths and parameter names, learned from each module that the program calls at top
    level.

    A root module's own path is its class name; a path that two roots share is told apart by the
    class name, and roots of one class by their number in order of first call.
    """

    def __init__(self) -> None:
        self._roots = ByObject[str]()
        # How many roots have a label: the next one is numbered.
        self._labels: dict[str, int] = {}
        self._paths = ByObject[str]()
        self._parameters = ByObject[str]()
        self._taken: set[str] = set()
        # Are given each root at its first call, with its label.
        self.on_root: list[Callable[[torch.nn.Module, str], None]] = []

    def root(self, module: torch.nn.Module) -> str:
        """Return the label of a module called at top level; learn what it contains at first."""
        label = self._roots.get(module)
        if label is not None:
            return label
        label = self._make_label(self.path(module))
        self._roots.add(module, label)
        self._learn(module, label)
        for tell in self.on_root:
            tell(module, label)
        return label

    def path(self, module: torch.nn.Module) -> str:
        """Return the module's path below its root; its class name if no root contains it."""
        path = self._paths.get(module)
        if path:
            return path
        return type(module).__name__

    def parameter(self, tensor: torch.Tensor) -> str | None:
        """Return the parameter's name, or None if no called module owns it."""
        return self._parameters.get(tensor)

    def _make_label(self, name: str) -> str:
        """Return `name`, numbered from the second root on that is called so."""
        count = self._labels.get(name, 0)
        count += 1
        self._labels[name] = count
        if count == 1:
            return name
        return f"{name}#{count}"

    def _learn(self, module: torch.nn.Module, label: str) -> None:
        for path, child in _list_named(module.named_modules, walk_modules(module)):
            # The path of the root itself is empty.
            if self._paths.get(child) is None:
                self._paths.add(child, path or label)
        for path, tensor in _list_named(module.named_parameters, walk_parameters(module)):
            if self.parameter(tensor) is not None:
                continue
            name = path
            if path in self._taken:
                name = f"{label}.{path}"
            self._taken.add(name)
            self._parameters.add(tensor, name)


def _list_named(
    ask: Callable[[], Iterable[tuple[str, Any]]], instead: Iterator[tuple[str, Any]]
) -> list[tuple[str, Any]]:
    """Return the names that a module gives; what it holds where its class fails to say."""
    try:
        return [(str(name), item) for name, item in ask()]
    except Exception:
        # A class may override how it names its parts, with code that fails. Nothing is lost: the
        # parts are found where `torch.nn.Module` keeps them.
        return list(instead)
