"""Names of modules and parameters, as the user would write them.

They are paths below the module that the program calls.
"""

from __future__ import annotations

import weakref

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

    def root(self, module: torch.nn.Module) -> str:
        """Return the label of a module called at top level; learn what it contains at first."""
        label = self._roots.get(module)
        if label is None:
            path = self._paths.get(module)
            label = self._label(path or type(module).__name__)
            self._roots[module] = label
            self._learn(module, label)
        return label

    def path(self, module: torch.nn.Module) -> str:
        """Return the module's path below its root; its class name if no root contains it."""
        return self._paths.get(module) or type(module).__name__

    def parameter(self, tensor: torch.Tensor) -> str | None:
        """Return the parameter's name, or None if no called module owns it."""
        found = self._parameters.get(id(tensor))
        if found is None:
            return None
        reference, name = found
        # The id of a tensor that was freed may be another's by now.
        return name if reference() is tensor else None

    def _label(self, name: str) -> str:
        count = self._labels.get(name, 0) + 1
        self._labels[name] = count
        return name if count == 1 else f"{name}#{count}"

    def _learn(self, module: torch.nn.Module, label: str) -> None:
        for path, child in module.named_modules():
            self._paths.setdefault(child, path or label)
        for path, tensor in module.named_parameters():
            if self.parameter(tensor) is not None:
                continue
            name = path
            if path in self._taken:
                name = f"{label}.{path}"
            self._taken.add(name)
            self._parameters[id(tensor)] = (weakref.ref(tensor), name)
