"""The tensors that modules, losses and loaders hand on, each with a path that a user can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

_NamedTensor = tuple[str, torch.Tensor]
_Tensor = torch.Tensor
_MAX_LEAVES = 100_000  # nodes of an autograd graph that are walked to find its leaves
_MAX_DEPTH = 8  # of nested containers in a batch or an output

_TRACED = "FunctionalTensor"  # the class of tensors by which AOTAutograd traces


def find_named_tensors(value: Any, prefix: str, depth: int = 0) -> Iterator[_NamedTensor]:
    """Yield every tensor in nested containers and dataclass-like outputs, with a readable path."""
    if isinstance(value, _Tensor):
        yield prefix, value
        return
    if depth >= _MAX_DEPTH:
        return
    for path, item in _items(value, prefix):
        yield from find_named_tensors(item, path, depth + 1)


def _items(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield what a container holds, each item with its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str):
                path = f"{prefix}.{key}"
            else:
                path = f"{prefix}[{key!r}]"
            yield path, item
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            path = f"{prefix}[{index}]"
            yield path, item
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            path = f"{prefix}.{name}"
            yield path, getattr(value, name, None)


def is_being_traced(value: Any) -> bool:
    """Return True if a compiler works out here what it will run later: that is not the program."""
    return any(type(tensor).__name__ == _TRACED for _, tensor in find_named_tensors(value, ""))


def find_leaves(roots: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return the leaf tensors of the autograd graph below `roots`, in a fixed order."""
    leaves: list[torch.Tensor] = []
    stack: list[Any] = []
    for root in roots:
        if root.grad_fn is not None:
            stack.append(root.grad_fn)
        elif root.requires_grad:
            leaves.append(root)
    # Reversed here and below: what is taken from the end of the stack comes in the graph's order.
    stack.reverse()
    seen: set[Any] = set()
    while stack and len(seen) < _MAX_LEAVES:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None:
            leaves.append(variable)
        for parent, _ in reversed(node.next_functions):
            if parent is not None:
                stack.append(parent)
    return leaves
