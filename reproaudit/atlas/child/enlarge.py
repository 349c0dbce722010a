"""Making a sample larger: scale chosen extents of its tensors alike, repeat the values, and keep
what the op accepts.

Integer tensors only repeat their values: indices stay valid where extents grow, and many of them
are equal, which is where additions without an order show. Floating-point values are repeated and
shrunk by up to 5 % each, so that sums of them depend on their order; probabilities stay
probabilities.
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
from reproaudit.atlas.child.values import count_largest, is_plain, tensors_in

MOST_FORMS = 4  # of one sample
_ENOUGH = LARGE_ELEMENTS // 4  # 65,536: two grains, so that two threads take part
_STAGES = (
    64,
    1024,
    LARGE_ELEMENTS >> 4,
    LARGE_ELEMENTS,
)  # what is slow when smaller is not made larger
_MOST_ELEMENTS = 4 * LARGE_ELEMENTS
_SLOW_S = 0.05
_MOST_BYTES = 256 << 20
_NOISE = 0.05
_FIRST_NUMBERS, _OTHER_NUMBERS = "numbers of the first argument", "numbers of the other arguments"

Extent = Callable[
    [int, int, int], bool
]  # of the tensor's number, the dimension and its extent: is it scaled?


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
    """Try the transformations in turn until there are enough forms. `accepts` makes the call and
    returns its result."""
    found = Enlarged()
    unusable = [tensor for tensor in tensors_in(call.operands) if not is_plain(tensor)]
    if unusable:
        found.refusal = f"an operand is {str(unusable[0].layout)[6:]} or of a special kind"
        return found
    tensors = list({id(tensor): tensor for tensor in tensors_in(call.operands)}.values())
    if any(tensor.numel() == 0 for tensor in tensors):
        found.refusal = "an operand is empty"
        return found
    try:
        base = max(1, count_largest(call.operands), count_largest(accepts(call)))
    except Exception as error:  # the op's own refusal of its sample
        found.refusal = f"{type(error).__name__}: {error}"[:120]
        return found
    shapes: set[Any] = set()
    for transformation in _transformations(tensors):
        if len(found.calls) >= MOST_FORMS or time.monotonic() > until:
            break
        larger = _grown(Plan(call, tensors, transformation, base), accepts, found)
        if larger is not None:
            shape = (
                tuple(tuple(tensor.shape) for tensor in tensors_in(larger.operands)) or larger.label
            )
            if shape not in shapes:
                shapes.add(shape)
                found.calls.append(larger)
    found.refusal = found.refusal or "no transformation changes it"
    return found


def _transformations(tensors: list[torch.Tensor]) -> Iterator[Transformation]:
    if not tensors:
        for label in (_FIRST_NUMBERS, _OTHER_NUMBERS, "all numbers"):
            yield Transformation(label, lambda *_: True)
        return
    largest = max(tensors, key=torch.Tensor.numel)
    indices = _extents([tensor for tensor in tensors if _is_integer(tensor)])
    # Indices first, and also without the tensor that they point into: many of them then name the
    # same place.
    for extent in indices if not _is_integer(tensors[0]) else ():
        yield Transformation(f"extents {extent} of all but the first", _of_others(extent))
    extents = list(dict.fromkeys((*indices, *_extents([largest]), *_extents(tensors))))
    for with_numbers in (False, True):
        for extent in extents:
            suffix, numbers = (
                (", numbers too", frozenset({extent})) if with_numbers else ("", frozenset[int]())
            )
            yield Transformation(f"extents {extent}{suffix}", _equal_to(extent), numbers)
            if not with_numbers and largest.dim() > 1 and extent == largest.shape[0]:
                yield Transformation(f"leading extents {extent}", _leading(extent))
    yield Transformation("all extents", lambda _, __, size: size > 1)
    yield Transformation(
        "all extents, numbers too", lambda _, __, size: size > 1, frozenset(extents)
    )
    for number, tensor in enumerate(tensors[:4]):
        for dim in dict.fromkeys((0, tensor.dim() - 1)):
            if tensor.dim():
                yield Transformation(f"tensor {number} along {dim}", _only(number, dim))


def _extents(tensors: list[torch.Tensor]) -> list[int]:
    """Return the extents above 1, or where there is no other, 1."""
    found = list(dict.fromkeys(extent for tensor in tensors for extent in tensor.shape))
    return [extent for extent in found if extent > 1] or found


def _is_integer(tensor: torch.Tensor) -> bool:
    return tensor.dtype in (torch.int64, torch.int32)


def _of_others(extent: int) -> Extent:
    return lambda number, _, size: number > 0 and size == extent


def _leading(extent: int) -> Extent:
    return lambda _, dim, size: dim == 0 and size == extent


def _equal_to(extent: int) -> Extent:
    return lambda _, __, size: size == extent


def _only(number: int, dim: int) -> Extent:
    return lambda tensor, axis, _: tensor == number and axis == dim


def _grown(plan: Plan, accepts: Callable[[Call], Any], found: Enlarged) -> Call | None:
    """Return the call at the largest size that it reaches in time; None if the op refuses or stays
    small."""
    best, before = None, (1.0, float(max(plan.base, 1)))
    for stage in _STAGES:
        factor = plan.factor(stage)
        power = (
            math.log(max(before[1] / plan.base, 1.0)) / math.log(before[0])
            if before[0] > 1
            else 0.0
        )
        is_bounded = before[1] * (factor / before[0]) ** power > _MOST_ELEMENTS
        if is_bounded:  # results can grow with a power of what is scaled
            factor = int(before[0] * (LARGE_ELEMENTS / before[1]) ** (1 / power))
        if factor <= before[0]:
            if stage == _STAGES[-1]:
                return best
            continue
        try:
            larger = plan.scaled(factor)
            started = time.monotonic()
            result = accepts(larger)
            took = time.monotonic() - started
        except Exception as error:  # whatever an op says to a call that nobody wrote by hand: it does not accept it
            text = str(error).strip().partition("\n")[0]
            found.refusal = f"{type(error).__name__}: {text}"[:120]
            return best
        reached = max(count_largest(larger.operands), count_largest(result))
        del result
        before = float(factor), float(reached)
        if reached > 4 * _MOST_ELEMENTS:
            found.refusal = f"its result grows to {reached:,} elements at once"
            return best
        found.elements = max(found.elements, reached)
        if reached >= _ENOUGH:
            best = larger
        if is_bounded or reached >= LARGE_ELEMENTS:
            return best
        if took > _SLOW_S and stage != _STAGES[-1]:
            found.refusal = f"slow: {took:.1g} s at {reached:,} elements"
            return best
    return best


@dataclass(frozen=True)
class Plan:
    """One transformation of one call. `base` is the number of elements that the call has as it is."""

    call: Call
    tensors: list[torch.Tensor]
    how: Transformation
    base: int

    def dims(self, number: int) -> list[int]:
        return [
            dim
            for dim, size in enumerate(self.tensors[number].shape)
            if self.how.scales(number, dim, size)
        ]

    def factor(self, target: int) -> int:
        """Return by what to multiply for `target` elements in the widest tensor; 1 if there is
        nothing to scale."""
        if not self.tensors:
            return max(1, target // max(self.base, 1))
        scaled = [number for number in range(len(self.tensors)) if self.dims(number)]
        if not scaled:
            return 1
        widest = max(scaled, key=lambda number: self.tensors[number].numel())
        return math.ceil(
            math.pow(target / self.tensors[widest].numel(), 1 / len(self.dims(widest)))
        )

    def scaled(self, factor: int) -> Call:
        """Return the call with everything scaled. Raises MemoryError where that would be too much."""
        label = f"{self.how.label} × {factor}"
        first, args, kwargs = self.call.operands
        if not self.tensors:
            first = first if self.how.label == _OTHER_NUMBERS else _multiplied(first, factor)
            args = args if self.how.label == _FIRST_NUMBERS else _multiplied(args, factor)
            return replace(self.call, operands=(first, args, kwargs), label=label)
        generator = torch.Generator().manual_seed(SEED)
        total, larger = 0, {}
        for number, tensor in enumerate(self.tensors):
            dims = self.dims(number)
            total += tensor.numel() * factor ** len(dims) * tensor.element_size()
            if total > _MOST_BYTES:
                raise MemoryError("the operands would take too much memory")
            larger[id(tensor)] = _repeated(tensor, dims, factor, generator)
        numbers = {number: number * factor for number in self.how.numbers}
        first, args, kwargs = (_replaced(part, larger, numbers) for part in self.call.operands)
        return replace(self.call, operands=(first, args, kwargs), label=label)


def _repeated(
    tensor: torch.Tensor, dims: list[int], factor: int, generator: torch.Generator
) -> torch.Tensor:
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
            torch.Size(items)
            if isinstance(value, torch.Size)
            else tuple(items)
            if isinstance(value, tuple)
            else items
        )
    if isinstance(value, dict):
        return {key: _replaced(item, larger, numbers) for key, item in value.items()}
    return numbers.get(value, value) if type(value) is int else value


def _multiplied(value: Any, factor: int) -> Any:
    """Multiply a number above 1, the largest of several, and within nested containers."""
    if type(value) is int:
        return value * factor if value > 1 else value
    if isinstance(value, (list, tuple)) and value and all(type(item) is int for item in value):
        place = value.index(max(value))
        return type(value)(
            item * factor if position == place else item for position, item in enumerate(value)
        )
    if isinstance(value, (list, tuple)):
        return type(value)(_multiplied(item, factor) for item in value)
    return value
