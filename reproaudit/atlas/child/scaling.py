"""Scales the operands of a call: tensors along chosen dimensions, and numbers that go with them.

Integer tensors only repeat their values: indices stay valid where extents grow, and many of them
are equal, which is where additions without an order show. Floating-point values are repeated and
shrunk by up to 5 % each, so that sums of them depend on their order; probabilities stay
probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from reproaudit.atlas.child.opdb import Call
from reproaudit.atlas.child.surroundings import SEED
from reproaudit.atlas.child.transformations import FIRST_NUMBERS, OTHER_NUMBERS, Transformation

_MOST_BYTES = 256 << 20
_NOISE = 0.05


@dataclass(frozen=True, slots=True)
class Scaling:
    """One transformation of one call. `base` is the number of elements it has as it is."""

    call: Call
    tensors: list[torch.Tensor]
    how: Transformation
    base: int

    def list_dims(self, number: int) -> list[int]:
        """Return the dimensions of a tensor that are scaled."""
        dims = []
        for dim, size in enumerate(self.tensors[number].shape):
            if self.how.scales(number, dim, size):
                dims.append(dim)
        return dims

    def find_factor(self, target: int) -> int:
        """Return by what to multiply for `target` elements in the widest tensor.

        1 if there is nothing to scale.
        """
        if not self.tensors:
            return max(1, target // max(self.base, 1))
        widest = 0  # elements of the largest tensor that is scaled
        power = 0  # with which it grows
        for number, tensor in enumerate(self.tensors):
            dims = self.list_dims(number)
            if dims and tensor.numel() > widest:
                widest = tensor.numel()
                power = len(dims)
        if not widest:
            return 1
        growth = target / widest
        return math.ceil(math.pow(growth, 1 / power))

    def scale(self, factor: int) -> Call:
        """Return the call with everything scaled. Raises MemoryError if that would be too much."""
        if self.tensors:
            larger = self._repeat_tensors(factor)
            numbers = {number: number * factor for number in self.how.numbers}
            operands = _replace_parts(self.call.operands, larger, numbers)
        else:
            operands = self._multiply_operands(factor)
        label = f"{self.how.label} × {factor}"
        return replace(self.call, operands=operands, label=label)

    def _multiply_operands(self, factor: int) -> tuple[Any, ...]:
        """Return operands of which none is a tensor with the chosen numbers multiplied."""
        first, args, kwargs = self.call.operands
        if self.how.label != OTHER_NUMBERS:
            first = _multiply_numbers(first, factor)
        if self.how.label != FIRST_NUMBERS:
            args = _multiply_numbers(args, factor)
        return (first, args, kwargs)

    def _repeat_tensors(self, factor: int) -> dict[int, torch.Tensor]:
        """Return the larger tensors by the identity of those that they replace."""
        generator = torch.Generator().manual_seed(SEED)
        total_bytes = 0
        larger = {}
        for number, tensor in enumerate(self.tensors):
            dims = self.list_dims(number)
            growth = factor ** len(dims)
            total_bytes += tensor.nbytes * growth
            if total_bytes > _MOST_BYTES:
                raise MemoryError("the operands would take too much memory")
            larger[id(tensor)] = _repeat_values(tensor, dims, factor, generator)
        return larger


def _repeat_values(
    tensor: torch.Tensor, dims: list[int], factor: int, generator: torch.Generator
) -> torch.Tensor:
    """Return the tensor repeated along the dimensions, with noise where it holds numbers."""
    repeated = tensor.detach()
    for dim in dims:
        extent = repeated.shape[dim]
        positions = torch.arange(extent * factor, device=tensor.device) % extent
        repeated = repeated.index_select(dim, positions)
    if not dims:
        repeated = repeated.clone()
    elif repeated.is_floating_point() or repeated.is_complex():
        repeated = _add_noise(repeated, generator)
    return repeated.requires_grad_(tensor.requires_grad)


def _add_noise(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return the tensor with each value shrunk by up to 5 %."""
    # Drawn on the CPU whatever the device is, so that each device gets the same noise.
    drawn = torch.rand(tensor.shape, generator=generator, dtype=torch.float32)
    kept = 1 - _NOISE * drawn
    noisy = tensor * kept.to(tensor.device)
    return noisy.to(tensor.dtype)


def _replace_parts(value: Any, larger: dict[int, torch.Tensor], numbers: dict[int, int]) -> Any:
    """Replace tensors by identity and whole numbers by value, within nested containers."""
    if isinstance(value, torch.Tensor):
        return larger[id(value)]
    if isinstance(value, dict):
        replaced = {}
        for key, item in value.items():
            replaced[key] = _replace_parts(item, larger, numbers)
        return replaced
    if type(value) is int:
        return numbers.get(value, value)
    if not isinstance(value, (list, tuple)):
        return value
    items = [_replace_parts(item, larger, numbers) for item in value]
    if isinstance(value, torch.Size):
        return torch.Size(items)
    if isinstance(value, tuple):
        return tuple(items)
    return items


def _multiply_numbers(value: Any, factor: int) -> Any:
    """Multiply a number above 1, the largest of several, and within nested containers."""
    if type(value) is int and value > 1:
        return value * factor
    if not isinstance(value, (list, tuple)):
        return value
    if _holds_whole_numbers(value):
        # A shape is scaled along its longest extent alone: all of them would grow with a power.
        items = list(value)
        longest = items.index(max(items))
        items[longest] *= factor
    else:
        items = [_multiply_numbers(item, factor) for item in value]
    return type(value)(items)


def _holds_whole_numbers(values: Sequence[Any]) -> bool:
    """Return True if there are values and all of them are whole numbers."""
    if not values:
        return False
    return all(type(value) is int for value in values)
