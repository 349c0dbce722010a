"""Makes a sample larger: scales some extents of its tensors, and keeps what the op accepts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from reproaudit.atlas.cells import LARGE_ELEMENTS
from reproaudit.atlas.child.opdb import Call
from reproaudit.atlas.child.scaling import Scaling
from reproaudit.atlas.child.transformations import list_transformations
from reproaudit.atlas.child.values import count_largest, is_plain, tensors_in

MOST_FORMS = 4  # of one sample
_ENOUGH = LARGE_ELEMENTS // 4  # 65,536: two grains, so that two threads take part
# The sizes that are tried in turn: what is slow when smaller is not made larger.
_STAGES = (64, 1024, LARGE_ELEMENTS >> 4, LARGE_ELEMENTS)
_MOST_ELEMENTS = 4 * LARGE_ELEMENTS
_SLOW_S = 0.05
_MOST_CHARACTERS = 120  # of a refusal


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
    for transformation in list_transformations(tensors):
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
    if power == 0.0:
        return int(before.factor), True  # the sample itself is that large
    step = (LARGE_ELEMENTS / before.elements) ** (1 / power)
    return int(before.factor * step), True


def _estimate_power(scaling: Scaling, before: _Size) -> float:
    """Return the power of the factor with which the elements grew so far; 0 if nothing grew yet."""
    if before.factor <= 1:
        return 0.0
    growth = before.elements / scaling.base
    growth = max(growth, 1.0)
    return math.log(growth) / math.log(before.factor)
