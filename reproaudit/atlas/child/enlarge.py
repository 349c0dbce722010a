"""Making a sample larger: scale chosen extents of its tensors alike, repeat the values, and keep what the op accepts.

Integer tensors only repeat their values: indices stay valid where extents grow, and many of them are equal, which is
where additions without an order show. Floating-point values are repeated and shrunk by up to 5 % each, so that sums of
them depend on their order; probabilities stay probabilities.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from reproaudit.atlas.cells import LARGE_ELEMENTS
from reproaudit.atlas.child.opdb import Call
from reproaudit.atlas.child.surroundings import SEED
from reproaudit.atlas.child.values import elements, is_plain, tensors_in

MOST_FORMS = 3  # of one sample
_ENOUGH = LARGE_ELEMENTS // 4  # 65,536: two grains, so that two threads take part
_STAGES = (LARGE_ELEMENTS // 32, LARGE_ELEMENTS)  # a call that is slow when smaller is not made larger
_SLOW_S = 0.02
_MOST_BYTES = 256 << 20
_NOISE = 0.05

Extent = Callable[[int, int, int], bool]  # of the tensor's number, the dimension and its extent: is it scaled?


@dataclass(frozen=True, slots=True)
class Transformation:
    """What is scaled. Whole numbers among the arguments that equal one of `numbers` are scaled too."""

    label: str
    scales: Extent
    numbers: frozenset[int] = frozenset()


@dataclass
class Enlarged:
    """The larger forms of one sample, with the most elements reached and why no more."""

    calls: list[Call] = field(default_factory=list)
    elements: int = 0
    refusal: str = ""


def enlarge(call: Call, accepts: Callable[[Call], Any], until: float) -> Enlarged:
    """Try the transformations in turn until there are enough forms. `accepts` makes the call and returns its result."""
    found = Enlarged()
    unusable = [tensor for tensor in tensors_in(call.operands) if not is_plain(tensor)]
    if unusable:
        found.refusal = f"an operand is {str(unusable[0].layout)[6:]} or of a special kind"
        return found
    tensors = list({id(tensor): tensor for tensor in tensors_in(call.operands)}.values())
    if any(tensor.numel() == 0 for tensor in tensors):
        found.refusal = "an operand is empty"
        return found
    shapes = set()
    for transformation in _transformations(tensors):
        if len(found.calls) >= MOST_FORMS or time.monotonic() > until:
            break
        larger = _grown(call, tensors, transformation, accepts, found)
        if larger is not None:
            shape = tuple(tuple(tensor.shape) for tensor in tensors_in(larger.operands))
            if shape not in shapes:
                shapes.add(shape)
                found.calls.append(larger)
    found.refusal = found.refusal or "no transformation changes it"
    return found


def _transformations(tensors: list[torch.Tensor]) -> Iterator[Transformation]:
    if not tensors:
        for label in ("numbers of the first argument", "numbers of the other arguments", "all numbers"):
            yield Transformation(label, lambda *_: True)
        return
    largest = max(range(len(tensors)), key=lambda number: tensors[number].numel())
    shape = tensors[largest].shape
    extents = [extent for extent in dict.fromkeys(shape) if extent > 1] or list(dict.fromkeys(shape))
    for with_numbers in (False, True):
        for extent in extents:
            numbers = frozenset({extent}) if with_numbers else frozenset()
            suffix = ", numbers too" if with_numbers else ""
            yield Transformation(f"extents {extent}{suffix}", _equal_to(extent), numbers)
            if not with_numbers and extent == shape[0]:
                yield Transformation(f"leading extents {extent}", lambda _, dim, size, e=extent: dim == 0 and size == e)  # type: ignore[misc]
    yield Transformation("all extents", lambda _, __, size: size > 1)
    yield Transformation("all extents, numbers too", lambda _, __, size: size > 1, frozenset(extents))
    for number, tensor in enumerate(tensors[:4]):
        for dim in dict.fromkeys((0, tensor.dim() - 1)):
            if tensor.dim():
                yield Transformation(f"tensor {number} along {dim}", _only(number, dim))


def _equal_to(extent: int) -> Extent:
    return lambda _, __, size: size == extent


def _only(number: int, dim: int) -> Extent:
    return lambda tensor, axis, _: tensor == number and axis == dim


def _grown(
    call: Call, tensors: list[torch.Tensor], how: Transformation, accepts: Callable[[Call], Any], found: Enlarged
) -> Call | None:
    """Return the call at the largest size that it reaches in time; None if the op refuses or stays small."""
    best = None
    for stage in _STAGES:
        try:
            larger = _scaled(call, tensors, how, stage)
            if larger is None:
                return None
            started = time.monotonic()
            result = accepts(larger)
            took = time.monotonic() - started
        except Exception as error:  # whatever the op says to a call that no one wrote by hand: it does not accept it
            found.refusal = (
                f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"[:120]
            )
            return best
        reached = max(elements(larger.operands), elements(result))
        del result
        if reached > found.elements:
            found.elements = reached
        if reached >= _ENOUGH:
            best = larger
        if took > _SLOW_S and stage != _STAGES[-1]:
            found.refusal = f"slow: {took:.1g} s at {reached:,} elements"
            return best
    return best


def _scaled(call: Call, tensors: list[torch.Tensor], how: Transformation, target: int) -> Call | None:
    if not tensors:
        return _scaled_numbers(call, how, target)
    scaled = {
        number: [dim for dim, size in enumerate(tensor.shape) if how.scales(number, dim, size)]
        for number, tensor in enumerate(tensors)
    }
    widest = max(scaled, key=lambda number: (bool(scaled[number]), tensors[number].numel()))
    if not scaled[widest]:
        return None
    factor = math.ceil((target / tensors[widest].numel()) ** (1 / len(scaled[widest])))
    if factor < 2:
        return None
    generator = torch.Generator().manual_seed(SEED)
    total, larger = 0, {}
    for number, tensor in enumerate(tensors):
        total += tensor.numel() * factor ** len(scaled[number]) * tensor.element_size()
        if total > _MOST_BYTES:
            raise MemoryError("operands would take too much memory")
        larger[id(tensor)] = _repeated(tensor, scaled[number], factor, generator)
    changed = {number: number * factor for number in how.numbers}
    first, args, kwargs = call.operands
    given = (_replaced(first, larger, changed), _replaced(args, larger, changed), _replaced(kwargs, larger, changed))
    return replace(call, operands=given, label=f"{how.label} × {factor}")


def _repeated(tensor: torch.Tensor, dims: list[int], factor: int, generator: torch.Generator) -> torch.Tensor:
    plain = tensor.detach()
    for dim in dims:
        old = plain.shape[dim]
        plain = plain.index_select(dim, torch.arange(old * factor, device=plain.device) % old)
    if not dims:
        plain = plain.clone()
    elif plain.is_floating_point() or plain.is_complex():
        noise = 1 - _NOISE * torch.rand(plain.shape, generator=generator, dtype=torch.float32)
        plain = (plain * noise.to(plain.device)).to(plain.dtype)
    return plain.requires_grad_(tensor.requires_grad)


def _replaced(value: Any, larger: dict[int, torch.Tensor], numbers: dict[int, int]) -> Any:
    if isinstance(value, torch.Tensor):
        return larger[id(value)]
    if isinstance(value, (list, tuple)):
        items = [_replaced(item, larger, numbers) for item in value]
        return (
            torch.Size(items) if isinstance(value, torch.Size) else tuple(items) if isinstance(value, tuple) else items
        )
    if isinstance(value, dict):
        return {key: _replaced(item, larger, numbers) for key, item in value.items()}
    return numbers.get(value, value) if type(value) is int else value


def _scaled_numbers(call: Call, how: Transformation, target: int) -> Call:
    """Scale the whole numbers of an op that makes its tensor from numbers alone."""
    first, args, kwargs = call.operands
    if how.label != "numbers of the other arguments":
        first = _multiplied(first, target)
    if how.label != "numbers of the first argument":
        args = _multiplied(args, target)
    return replace(call, operands=(first, args, kwargs), label=f"{how.label}, {target:,} elements")


def _multiplied(value: Any, target: int) -> Any:
    if type(value) is int:
        return target if value > 1 else value
    if isinstance(value, (list, tuple)) and value and all(type(item) is int for item in value):
        extents = [item for item in value if item > 1]
        factor = math.ceil((target / max(1, math.prod(extents))) ** (1 / max(1, len(extents))))
        return type(value)(item * max(1, factor) if item > 1 else item for item in value)
    if isinstance(value, (list, tuple)):
        return type(value)(_multiplied(item, target) for item in value)
    return value
