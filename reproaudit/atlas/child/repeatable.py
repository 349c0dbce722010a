"""One call in one phase, forward or backward, that can be made again on the same inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from reproaudit.atlas.cells import Cell
from reproaudit.atlas.child import surroundings as around
from reproaudit.atlas.child import values
from reproaudit.atlas.child.opdb import Call


@dataclass(frozen=True, slots=True)
class _Graph:
    """What one forward pass built: a backward pass goes from the roots to the leaves."""

    roots: list[torch.Tensor]
    leaves: list[torch.Tensor]
    cotangents: list[torch.Tensor]  # one for each root

    def run_backward(self) -> Any:
        """Return the gradient of each leaf, None for one that no root depends on."""
        return torch.autograd.grad(
            self.roots,
            self.leaves,
            self.cotangents,
            retain_graph=True,
            allow_unused=True,
        )


class RepeatableCall:
    """A call of one cell, ready to be repeated in the cell's phase."""

    def __init__(self, cell: Cell, call: Call) -> None:
        self.device = cell.device
        self.call = call
        self.is_backward = cell.phase == "backward"
        self.outputs: Any = None  # identity of what the forward pass of the graph returned
        self.largest = 0  # elements of the largest tensor that it was given or returned
        self._graph: _Graph | None = None

    def prepare(self) -> bool:
        """Build the graph that a backward pass is repeated on.

        False if nothing is differentiable. A forward pass needs no preparation.
        """
        if not self.is_backward:
            return True
        around.seed_everything()
        operands = values.copy_operands(self.call.operands, {})
        result = self.call.run(operands)
        self.largest = values.count_largest([operands, result])
        self.outputs = values.identify(result)
        leaves = _list_differentiable(operands)
        roots = _list_differentiable(self.call.roots(result))
        if not leaves or not roots:
            return False
        cotangents = [_make_cotangent(root) for root in roots]
        self._graph = _Graph(roots, leaves, cotangents)
        return True

    def run(self, operands: Any = None) -> Any:
        """Make the call once, on fresh copies or on the operands that are given."""
        around.seed_everything()
        if self._graph is not None:
            result = self._graph.run_backward()
        else:
            result = self._run_forward(operands)
        around.synchronise(self.device)
        return result

    def _run_forward(self, operands: Any) -> Any:
        if operands is None:
            operands = values.copy_operands(self.call.operands, {})
        result = self.call.run(operands)
        if not self.largest:
            self.largest = values.count_largest([self.call.operands, result])
        return result


def _list_differentiable(value: Any) -> list[torch.Tensor]:
    found = []
    for tensor in values.tensors_in(value):
        if tensor.requires_grad:
            found.append(tensor)
    return found


def _make_cotangent(root: torch.Tensor) -> torch.Tensor:
    """Return what a backward pass starts from at `root`.

    Random, and the same each time: all ones would hide differences that add up to nothing.
    """
    if not values.is_plain(root):
        return root.detach().clone()
    generator = torch.Generator().manual_seed(around.SEED)
    wide = torch.float64
    if root.is_complex():
        wide = torch.complex128
    drawn = torch.randn(root.shape, generator=generator, dtype=wide)
    return drawn.to(device=root.device, dtype=root.dtype)
