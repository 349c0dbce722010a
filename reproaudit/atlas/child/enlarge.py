"""Makes a sample larger: scales chosen extents of its tensors alike, and keeps what the op accepts.

Integer tensors only repeat their values: indices stay valid where extents grow, and many of them
are equal, which is where additions without an order show. Floating-point values are repeated and
shrunk by up to 5 % each, so that sums of them depend on their order; probabilities stay
probabilities.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from reproaudit.atlas.cells import LARGE_ELEMENTS
from reproaudit.atlas.child.opdb import Call
from reproaudit.atlas.child.surroundings import SEED
from reproaudit.atlas.child.values import count_largest, is_plain, tensors_in

INDEX_DTYPES = (torch.int64, torch.int32)
MOST_FORMS = 4  # of one sample
_ENOUGH = LARGE_ELEMENTS // 4  # 65,536: two grains, so that two threads take part
# The sizes that are tried in turn: what is slow when smaller is not made larger.
_STAGES = (64, 1024, LARGE_ELEMENTS >> 4, LARGE_ELEMENTS)
_MOST_ELEMENTS = 4 * LARGE_ELEMENTS
_SLOW_S = 0.05
_MOST_BYTES = 256 << 20
_NOISE = 0.05
_MOST_ALONE = 4  # tensors that are also scaled without the others
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
    tensors = _list_tensors(call)
    found.refusal = _refuse_operands(tensors)
    if found.refusal:
        return found
    try:
        returned = count_largest(accept(call))
    except Exception as error:  # the op's own refusal of its sample
        found.refusal = f"{type(error).__name__}: {error}"[:_MOST_CHARACTERS]
        return found
    base = max(1, count_largest(call.operands), returned)
    seen: set[Any] = set()
    for transformation in _list_transformations(tensors):
        if len(found.calls) >= MOST_FORMS:
            break
        if time.monotonic() > until:
            break
        scaling = Scaling(call, tensors, transformation, base)
        larger = _grow(scaling, accept, found)
        if larger is None:
            continue
        # Two transformations may come to the same operands.
        form = _identify_form(larger)
        if form not in seen:
            seen.add(form)
            found.calls.append(larger)
    if not found.refusal:
        found.refusal = "no transformation changes it"
    return found


def _list_tensors(call: Call) -> list[torch.Tensor]:
    """Return the tensors among the operands, each once."""
    by_id = {}
    for tensor in tensors_in(call.operands):
        by_id[id(tensor)] = tensor
    return list(by_id.values())


def _refuse_operands(tensors: list[torch.Tensor]) -> str:
    """Return why operands with these tensors cannot be enlarged; "" if they can."""
    for tensor in tensors:
        if not is_plain(tensor):
            layout = str(tensor.layout).removeprefix("torch.")
            return f"an operand is {layout} or of a special kind"
    for tensor in tensors:
        if tensor.numel() == 0:
            return "an operand is empty"
    return ""


def _identify_form(call: Call) -> Any:
    """Return the shapes of the operands, or the label where no operand is a tensor."""
    shapes = []
    for tensor in tensors_in(call.operands):
        shapes.append(tuple(tensor.shape))
    if not shapes:
        return call.label
    return tuple(shapes)


def _list_transformations(tensors: list[torch.Tensor]) -> Iterator[Transformation]:
    """Yield what may be scaled, the most telling first."""
    if not tensors:
        for label in (_FIRST_NUMBERS, _OTHER_NUMBERS, "all numbers"):
            yield Transformation(label, _choose_all)
        return
    integers = [tensor for tensor in tensors if _is_integer(tensor)]
    of_indices = _list_extents(integers)
    if not _is_integer(tensors[0]):
        # Indices first, and also without the tensor that they point into: many of them then name
        # the same place.
        for extent in of_indices:
            label = f"extents {extent} of all but the first"
            yield Transformation(label, _choose_in_others(extent))
    largest = max(tensors, key=torch.Tensor.numel)
    extents = [*of_indices, *_list_extents([largest]), *_list_extents(tensors)]
    extents = list(dict.fromkeys(extents))
    yield from _list_by_extent(extents, largest)
    yield Transformation("all extents", _choose_all)
    yield Transformation("all extents, numbers too", _choose_all, frozenset(extents))
    for number, tensor in enumerate(tensors[:_MOST_ALONE]):
        yield from _list_by_dimension(number, tensor)


def _list_by_extent(extents: list[int], largest: torch.Tensor) -> Iterator[Transformation]:
    """Yield for each extent the scaling of all dimensions that have it, then with numbers too."""
    leading = None
    if largest.dim() > 1:
        leading = largest.shape[0]
    for extent in extents:
        equal = _choose_equal(extent)
        yield Transformation(f"extents {extent}", equal)
        if extent == leading:
            leading_alone = _choose_leading(extent)
            yield Transformation(f"leading extents {extent}", leading_alone)
    for extent in extents:
        equal = _choose_equal(extent)
        numbers = frozenset({extent})
        yield Transformation(f"extents {extent}, numbers too", equal, numbers)


def _list_by_dimension(number: int, tensor: torch.Tensor) -> Iterator[Transformation]:
    """Yield the scaling of one tensor alone, along its first and its last dimension."""
    last = tensor.dim() - 1
    if last < 0:
        return
    first_alone = _choose_one(number, 0)
    yield Transformation(f"tensor {number} along 0", first_alone)
    if last > 0:
        last_alone = _choose_one(number, last)
        yield Transformation(f"tensor {number} along {last}", last_alone)


def _list_extents(tensors: list[torch.Tensor]) -> list[int]:
    """Return the extents above 1, or where there is no other, 1."""
    found: dict[int, None] = {}  # a set that keeps the order
    for tensor in tensors:
        found.update(dict.fromkeys(tensor.shape))
    above_one = [extent for extent in found if extent > 1]
    if above_one:
        return above_one
    return list(found)


def _is_integer(tensor: torch.Tensor) -> bool:
    return tensor.dtype in INDEX_DTYPES


def _choose_all(number: int, dim: int, size: int) -> bool:
    return size > 1


def _choose_in_others(extent: int) -> Extent:
    def scales(number: int, dim: int, size: int) -> bool:
        return number > 0 and size == extent

    return scales


def _choose_leading(extent: int) -> Extent:
    def scales(number: int, dim: int, size: int) -> bool:
        return dim == 0 and size == extent

    return scales


def _choose_equal(extent: int) -> Extent:
    def scales(number: int, dim: int, size: int) -> bool:
        return size == extent

    return scales


def _choose_one(chosen: int, along: int) -> Extent:
    def scales(number: int, dim: int, size: int) -> bool:
        return number == chosen and dim == along

    return scales


@dataclass(frozen=True, slots=True)
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
        wanted = scaling.find_factor(stage)
        factor, is_bounded = _bound_factor(scaling, before, wanted)
        if factor <= before.factor:
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

    Results can grow with a power of what is scaled.
    """
    power = _estimate_power(scaling, before)
    step = factor / before.factor
    expected = before.elements * step**power
    if expected <= _MOST_ELEMENTS:
        return factor, False
    step = (LARGE_ELEMENTS / before.elements) ** (1 / power)
    return int(before.factor * step), True


def _estimate_power(scaling: Scaling, before: _Size) -> float:
    """Return the power of the factor with which the elements grew so far; 0 if nothing grew yet."""
    if before.factor <= 1:
        return 0.0
    growth = before.elements / scaling.base
    growth = max(growth, 1.0)
    return math.log(growth) / math.log(before.factor)


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
        if self.how.label != _OTHER_NUMBERS:
            first = _multiply_numbers(first, factor)
        if self.how.label != _FIRST_NUMBERS:
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
