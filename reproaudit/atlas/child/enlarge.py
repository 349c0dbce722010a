"""Makes a sample larger: scales chosen extents of its tensors alike, and keeps what the op accepts.

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
# The sizes that are tried in turn: what is slow when smaller is not made larger.
_STAGES = (64, 1024, LARGE_ELEMENTS >> 4, LARGE_ELEMENTS)
_MOST_ELEMENTS = 4 * LARGE_ELEMENTS
_SLOW_S = 0.05
_MOST_BYTES = 256 << 20
_NOISE = 0.05
_MOST_CHARACTERS = 120  # of a refusal
_FIRST_NUMBERS = "numbers of the first argument"
_OTHER_NUMBERS = "numbers of the other arguments"

# Says of a tensor's number, a dimension and its extent whether it is scaled.
Extent = Callable[[int, int, int], bool]


@dataclass(frozen=True, slots=True)
class Transformation:
    """What is scaled.

    Whole numbers among the arguments that equal one of `numbers` are scaled too.
    """

    label: str
    scales: Extent
    numbers: frozenset[int] = frozenset()


@dataclass
class Enlarged:
    """The larger forms of one sample, with the most elements reached and why no more."""

    calls: list[Call] = field(default_factory=list)
    elements: int = 0
    refusal: str = ""


def enlarge(call: Call, accept: Callable[[Call], Any], until: float) -> Enlarged:
    """Try the transformations in turn until there are enough forms, or until `until`.

    `accept` makes a call and returns its result; if it raises, the op does not accept the call.
    """
    found = Enlarged()
    for tensor in tensors_in(call.operands):
        if not is_plain(tensor):
            layout = str(tensor.layout).removeprefix("torch.")
            found.refusal = f"an operand is {layout} or of a special kind"
            return found
    tensors = list({id(tensor): tensor for tensor in tensors_in(call.operands)}.values())
    if any(tensor.numel() == 0 for tensor in tensors):
        found.refusal = "an operand is empty"
        return found
    try:
        base = max(1, count_largest(call.operands), count_largest(accept(call)))
    except Exception as error:  # the op's own refusal of its sample
        found.refusal = f"{type(error).__name__}: {error}"[:_MOST_CHARACTERS]
        return found
    shapes: set[Any] = set()
    for transformation in _list_transformations(tensors):
        if len(found.calls) >= MOST_FORMS or time.monotonic() > until:
            break
        larger = _grow(Scaling(call, tensors, transformation, base), accept, found)
        if larger is None:
            continue
        # Two transformations may come to the same operands.
        shape = tuple(tuple(tensor.shape) for tensor in tensors_in(larger.operands))
        if (shape or larger.label) not in shapes:
            shapes.add(shape or larger.label)
            found.calls.append(larger)
    found.refusal = found.refusal or "no transformation changes it"
    return found


def _list_transformations(tensors: list[torch.Tensor]) -> Iterator[Transformation]:
    """Yield what may be scaled, the most telling first."""
    if not tensors:
        for label in (_FIRST_NUMBERS, _OTHER_NUMBERS, "all numbers"):
            yield Transformation(label, lambda *_: True)
        return
    largest = max(tensors, key=torch.Tensor.numel)
    indices = _list_extents([tensor for tensor in tensors if _is_integer(tensor)])
    if not _is_integer(tensors[0]):
        # Indices first, and also without the tensor that they point into: many of them then name
        # the same place.
        for extent in indices:
            label = f"extents {extent} of all but the first"
            yield Transformation(label, _choose_in_others(extent))
    extents = [*indices, *_list_extents([largest]), *_list_extents(tensors)]
    extents = list(dict.fromkeys(extents))
    for extent in extents:
        yield Transformation(f"extents {extent}", _choose_equal(extent))
        if largest.dim() > 1 and extent == largest.shape[0]:
            yield Transformation(f"leading extents {extent}", _choose_leading(extent))
    for extent in extents:
        label = f"extents {extent}, numbers too"
        yield Transformation(label, _choose_equal(extent), frozenset({extent}))
    yield Transformation("all extents", _choose_all)
    yield Transformation("all extents, numbers too", _choose_all, frozenset(extents))
    for number, tensor in enumerate(tensors[:4]):
        if not tensor.dim():
            continue
        for dim in dict.fromkeys((0, tensor.dim() - 1)):
            yield Transformation(f"tensor {number} along {dim}", _choose_one(number, dim))


def _list_extents(tensors: list[torch.Tensor]) -> list[int]:
    """Return the extents above 1, or where there is no other, 1."""
    found = list(dict.fromkeys(extent for tensor in tensors for extent in tensor.shape))
    return [extent for extent in found if extent > 1] or found


def _is_integer(tensor: torch.Tensor) -> bool:
    return tensor.dtype in (torch.int64, torch.int32)


def _choose_all(number: int, dim: int, size: int) -> bool:
    return size > 1


def _choose_in_others(extent: int) -> Extent:
    return lambda number, _, size: number > 0 and size == extent


def _choose_leading(extent: int) -> Extent:
    return lambda _, dim, size: dim == 0 and size == extent


def _choose_equal(extent: int) -> Extent:
    return lambda _, __, size: size == extent


def _choose_one(number: int, dim: int) -> Extent:
    return lambda tensor, axis, _: tensor == number and axis == dim


@dataclass(frozen=True)
class _Size:
    """By what a call was multiplied, and how many elements it came to."""

    factor: float
    elements: float


def _grow(scaling: Scaling, accept: Callable[[Call], Any], found: Enlarged) -> Call | None:
    """Return the call at the largest size that it reaches in time.

    None if the op refuses or stays small. `found` gets the elements reached, and why no more.
    """
    best = None
    before = _Size(1.0, float(max(scaling.base, 1)))
    for stage in _STAGES:
        is_last = stage == _STAGES[-1]
        factor, is_bounded = _bound_factor(scaling, before, scaling.find_factor(stage))
        if factor <= before.factor:
            if is_last:
                return best
            continue
        try:
            larger = scaling.scale(factor)
            started = time.monotonic()
            result = accept(larger)
            took_s = time.monotonic() - started
        except Exception as error:
            # Whatever an op says to a call that nobody wrote by hand: it does not accept it.
            text = str(error).strip().partition("\n")[0]
            found.refusal = f"{type(error).__name__}: {text}"[:_MOST_CHARACTERS]
            return best
        reached = max(count_largest(larger.operands), count_largest(result))
        del result  # may be large, and the next one is made before this name is bound again
        before = _Size(float(factor), float(reached))
        if reached > 4 * _MOST_ELEMENTS:
            found.refusal = f"its result grows to {reached:,} elements at once"
            return best
        found.elements = max(found.elements, reached)
        if reached >= _ENOUGH:
            best = larger
        if is_bounded or reached >= LARGE_ELEMENTS:
            return best
        if took_s > _SLOW_S and not is_last:
            found.refusal = f"slow: {took_s:.1g} s at {reached:,} elements"
            return best
    return best


def _bound_factor(scaling: Scaling, before: _Size, factor: int) -> tuple[int, bool]:
    """Return the factor, made smaller if it would go past the most elements, and whether it was.

    Results can grow with a power of what is scaled. The power is estimated from the size before.
    """
    power = 0.0
    if before.factor > 1:
        growth = max(before.elements / scaling.base, 1.0)
        power = math.log(growth) / math.log(before.factor)
    if before.elements * (factor / before.factor) ** power <= _MOST_ELEMENTS:
        return factor, False
    return int(before.factor * (LARGE_ELEMENTS / before.elements) ** (1 / power)), True


@dataclass(frozen=True)
class Scaling:
    """One transformation of one call. `base` is the number of elements it has as it is."""

    call: Call
    tensors: list[torch.Tensor]
    how: Transformation
    base: int

    def list_dims(self, number: int) -> list[int]:
        """Return the dimensions of a tensor that are scaled."""
        shape = self.tensors[number].shape
        return [dim for dim, size in enumerate(shape) if self.how.scales(number, dim, size)]

    def find_factor(self, target: int) -> int:
        """Return by what to multiply for `target` elements in the widest tensor.

        1 if there is nothing to scale.
        """
        if not self.tensors:
            return max(1, target // max(self.base, 1))
        scaled = [number for number in range(len(self.tensors)) if self.list_dims(number)]
        if not scaled:
            return 1
        widest = max(scaled, key=lambda number: self.tensors[number].numel())
        growth = target / self.tensors[widest].numel()
        return math.ceil(math.pow(growth, 1 / len(self.list_dims(widest))))

    def scale(self, factor: int) -> Call:
        """Return the call with everything scaled. Raises MemoryError if that would be too much."""
        label = f"{self.how.label} × {factor}"
        first, args, kwargs = self.call.operands
        if not self.tensors:
            if self.how.label != _OTHER_NUMBERS:
                first = _multiply_numbers(first, factor)
            if self.how.label != _FIRST_NUMBERS:
                args = _multiply_numbers(args, factor)
            return replace(self.call, operands=(first, args, kwargs), label=label)
        larger = self._repeat_tensors(factor)
        numbers = {number: number * factor for number in self.how.numbers}
        operands = tuple(_replace_parts(part, larger, numbers) for part in (first, args, kwargs))
        return replace(self.call, operands=operands, label=label)

    def _repeat_tensors(self, factor: int) -> dict[int, torch.Tensor]:
        """Return the larger tensors by the identity of those that they replace."""
        generator = torch.Generator().manual_seed(SEED)
        total_bytes = 0
        larger = {}
        for number, tensor in enumerate(self.tensors):
            dims = self.list_dims(number)
            elements = tensor.numel() * factor ** len(dims)
            total_bytes += elements * tensor.element_size()
            if total_bytes > _MOST_BYTES:
                raise MemoryError("the operands would take too much memory")
            larger[id(tensor)] = _repeat_values(tensor, dims, factor, generator)
        return larger


def _repeat_values(
    tensor: torch.Tensor, dims: list[int], factor: int, generator: torch.Generator
) -> torch.Tensor:
    """Return the tensor repeated along the dimensions, with noise where it holds numbers."""
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


def _replace_parts(value: Any, larger: dict[int, torch.Tensor], numbers: dict[int, int]) -> Any:
    """Replace tensors by identity and whole numbers by value, within nested containers."""
    if isinstance(value, torch.Tensor):
        return larger[id(value)]
    if isinstance(value, dict):
        return {key: _replace_parts(item, larger, numbers) for key, item in value.items()}
    if not isinstance(value, (list, tuple)):
        return numbers.get(value, value) if type(value) is int else value
    items = [_replace_parts(item, larger, numbers) for item in value]
    if isinstance(value, torch.Size):
        return torch.Size(items)
    return tuple(items) if isinstance(value, tuple) else items


def _multiply_numbers(value: Any, factor: int) -> Any:
    """Multiply a number above 1, the largest of several, and within nested containers."""
    if type(value) is int:
        return value * factor if value > 1 else value
    if not isinstance(value, (list, tuple)):
        return value
    items = list(value)
    if items and all(type(item) is int for item in items):
        items[items.index(max(items))] *= factor
    else:
        items = [_multiply_numbers(item, factor) for item in items]
    return type(value)(items)
