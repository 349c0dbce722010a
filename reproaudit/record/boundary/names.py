"""Names of modules and parameters, as the user would write them.

They are paths below the module that the program calls.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

import torch

_NameOfModule = weakref.WeakKeyDictionary[torch.nn.Module, str]
_NamedTensor = tuple[weakref.ref[torch.Tensor], str]


class Names:
    """Module paths and parameter names, learned from each module that the program calls at top
    level.

    A root module's own path is its class name; a path that two roots share is told apart by the
    class name, and roots of one class by their number in order of first call.
    """

    def __init__(self) -> None:
        self._roots: _NameOfModule = weakref.WeakKeyDictionary()
        # How many roots have a label: the next one is numbered.
        self._labels: dict[str, int] = {}
        self._paths: _NameOfModule = weakref.WeakKeyDictionary()
        # By the id of a tensor, which cannot be a key itself: its `==` compares elements.
        self._parameters: dict[int, _NamedTensor] = {}
        self._taken: set[str] = set()
        # Is given each root at its first call, with its label.
        self.on_root: Callable[[torch.nn.Module, str], None] | None = None

    def root(self, module: torch.nn.Module) -> str:
        """Return the label of a module called at top level; learn what it contains at first."""
        label = self._roots.get(module)
        if label is not None:
            return label
        label = self._make_label(self.path(module))
        self._roots[module] = label
        self._learn(module, label)
        if self.on_root is not None:
            self.on_root(module, label)
        return label

    def path(self, module: torch.nn.Module) -> str:
        """Return the module's path below its root; its class name if no root contains it."""
        path = self._paths.get(module)
        if path:
            return path
        return type(module).__name__

    def parameter(self, tensor: torch.Tensor) -> str | None:
        """Return the parameter's name, or None if no called module owns it."""
        found = self._parameters.get(id(tensor))
        if found is None:
            return None
        reference, name = found
        # The id of a tensor that was freed may be another's by now.
        if reference() is not tensor:
            return None
        return name

    def _make_label(self, name: str) -> str:
        """Return `name`, numbered from the second root on that is called so."""
        count = self._labels.get(name, 0)
        count += 1
        self._labels[name] = count
        if count == 1:
            return name
        return f"{name}#{count}"

    def _learn(self, module: torch.nn.Module, label: str) -> None:
        for path, child in module.named_modules():
            # The path of the root itself is empty.
            self._paths.setdefault(child, path or label)
        for path, tensor in module.named_parameters():
            if self.parameter(tensor) is not None:
                continue
            name = path
            if path in self._taken:
                name = f"{label}.{path}"
            self._taken.add(name)
            reference: weakref.ref[torch.Tensor] = weakref.ref(tensor)
            self._parameters[id(tensor)] = (reference, name)
