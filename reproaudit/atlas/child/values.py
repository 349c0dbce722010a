"""Copies of operands, digests of results, and how two results differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from reproaudit.record.digest.tensors import PLAIN_TYPES, Digest, digest
from reproaudit.record.torch_private import storage_key, view_conj, view_neg

_PLAIN_NUMBERS = (bool, int, float, complex, str)

TensorPair = tuple[torch.Tensor, torch.Tensor]


def copy_operands(value: Any, memo: dict[Any, Any]) -> Any:
    """Copy every tensor and generator in nested containers, into other memory.

    Strides, aliases and flags stay. `memo` holds what was copied already, by identity.
    """
    if isinstance(value, torch.Tensor):
        key = id(value)
        if key not in memo:
            memo[key] = _copy_tensor(value, memo)
        return memo[key]
    if isinstance(value, torch.Generator):
        return value.clone_state()
    # Subclasses are left as they are: nothing says how to build one from its items.
    kind = type(value)
    if kind is dict:
        return {key: copy_operands(item, memo) for key, item in value.items()}
    if kind is list or kind is tuple:
        items = [copy_operands(item, memo) for item in value]
        return kind(items)
    return value


def is_plain(tensor: torch.Tensor) -> bool:
    """Return True for a tensor that is nothing but strided memory."""
    if not _has_storage(tensor):
        return False
    return not (tensor.is_conj() or tensor.is_neg())


def _has_storage(tensor: torch.Tensor) -> bool:
    if type(tensor) not in PLAIN_TYPES:
        return False
    if tensor.layout is not torch.strided:
        return False
    return not (tensor.is_quantized or tensor.is_nested)


def _copy_tensor(tensor: torch.Tensor, memo: dict[Any, Any]) -> torch.Tensor:
    plain = tensor.detach()
    if _has_storage(tensor):
        copied = _copy_with_storage(plain, memo)
    else:
        copied = plain.clone()
    return copied.requires_grad_(tensor.requires_grad)


def _copy_with_storage(tensor: torch.Tensor, memo: dict[Any, Any]) -> torch.Tensor:
    """Return a view of a copied storage, which all views of the storage share."""
    storage = tensor.untyped_storage()
    key = storage_key(storage)
    if key not in memo:
        memo[key] = storage.clone()
    copied = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    copied.set_(memo[key], tensor.storage_offset(), tensor.shape, tensor.stride())
    # The storage holds values before conjugation and negation, which are flags of the view.
    if tensor.is_conj():
        copied = view_conj(copied)
    if tensor.is_neg():
        copied = view_neg(copied)
    return copied


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested containers, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)


def identify(value: Any) -> Any:
    """Return what two results must agree in.

    That is the digest of each tensor, and numbers and texts as they are.
    """
    if isinstance(value, torch.Tensor):
        return digest(value)
    if isinstance(value, dict):
        return [(key, identify(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [identify(item) for item in value]
    if isinstance(value, _PLAIN_NUMBERS):
        # As text: NaN equals itself then, and 0.0 does not equal -0.0.
        return repr(value)
    return type(value).__qualname__


def count_largest(value: Any) -> int:
    """Return the number of elements of the largest tensor, 0 if there is none."""
    largest = 0
    for tensor in tensors_in(value):
        # A nested tensor may refuse to say how many it has.
        if not tensor.is_nested:
            largest = max(largest, tensor.numel())
    return largest


@dataclass(frozen=True, slots=True)
class Difference:
    """Of all tensors together. `max_abs` is None where nothing can be subtracted."""

    elements: int
    differing: int
    max_abs: float | None


def _pair_differing(one: Any, other: Any) -> list[TensorPair] | None:
    """Return the pairs of plain tensors whose bytes differ.

    None if something else differs, such as a shape.
    """
    first = list(tensors_in(one))
    second = list(tensors_in(other))
    if len(first) != len(second):
        return None
    pairs = []
    for a, b in zip(first, second, strict=True):
        if digest(a) == digest(b):
            continue
        if not _can_subtract(a, b):
            return None
        pairs.append((a.detach(), b.detach()))
    if not pairs:
        return None
    return pairs


def _can_subtract(a: torch.Tensor, b: torch.Tensor) -> bool:
    if not is_plain(a):
        return False
    if not is_plain(b):
        return False
    return a.shape == b.shape and a.dtype == b.dtype


def measure(one: Any, other: Any) -> Difference | None:
    """Say how far two results are apart; None if they differ in shape or kind."""
    pairs = _pair_differing(one, other)
    if pairs is None:
        return None
    elements = 0
    differing = 0
    max_abs = 0.0
    for a, b in pairs:
        elements += a.numel()
        unequal = _find_unequal(a, b)
        count = int(unequal.sum())
        if count:
            differing += count
            distance = _find_largest_distance(a[unequal], b[unequal])
            max_abs = max(max_abs, distance)
    return Difference(elements, differing, max_abs)


def _find_unequal(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return where two tensors differ as a mask; NaN equals NaN here."""
    unequal = a != b
    if _can_hold_nan(a):
        both_nan = a.isnan() & b.isnan()
        unequal &= ~both_nan
    return unequal


def _find_largest_distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the largest |a - b|; infinite where one of both is NaN."""
    wide = torch.float64
    if a.is_complex():
        wide = torch.complex128
    difference = a.to(wide) - b.to(wide)
    distances = difference.abs()
    distances = distances.nan_to_num(float("inf"))
    return float(distances.max())


def _can_hold_nan(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def differ_in_nan_bits_only(one: Any, other: Any) -> bool:
    """Return True if only sign and payload of NaN differ, which no arithmetic sees."""
    pairs = _pair_differing(one, other)
    if pairs is None:
        return False
    for a, _ in pairs:
        if not _can_hold_nan(a):
            return False
    return all(_equal_beside_nan_bits(a, b) for a, b in pairs)


def _equal_beside_nan_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    return _identify_without_nan_bits(a) == _identify_without_nan_bits(b)


def _identify_without_nan_bits(tensor: torch.Tensor) -> Digest | None:
    """Return the digest of the tensor with one and the same NaN in place of each."""
    parts = tensor
    if tensor.is_complex():
        # Either part of a complex number can be NaN.
        parts = torch.view_as_real(tensor)
    one_nan = torch.full_like(parts, float("nan"))
    cleared = torch.where(parts.isnan(), one_nan, parts)
    return digest(cleared)


def differ_in_ties_only(one: Any, other: Any, operands: Any) -> bool:
    """Return True if only indices differ and both point at equal values of one of the operands."""
    pairs = _pair_differing(one, other)
    if pairs is None:
        return False
    for a, _ in pairs:
        if a.dtype is not torch.int64:
            return False
    sources = []
    for tensor in tensors_in(operands):
        if is_plain(tensor):
            sources.append(tensor.detach())
    return all(_are_ties(sources, a, b) for a, b in pairs)


def _are_ties(sources: list[torch.Tensor], a: torch.Tensor, b: torch.Tensor) -> bool:
    return any(_point_at_equals(source, a, b) for source in sources)


def _point_at_equals(source: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> bool:
    """Return True if the indices `a` and `b` name equal values of `source` along some dimension."""
    if not (_can_be_indices(a) and _can_be_indices(b)):
        return False
    is_reduced = source.dim() == a.dim() + 1  # by a reduction without keepdim
    if not is_reduced and source.dim() != a.dim():
        return False
    largest = int(torch.maximum(a, b).max())
    for dim, size in enumerate(source.shape):
        if largest >= size:
            continue
        at_a = a
        at_b = b
        if is_reduced:
            at_a = a.unsqueeze(dim)
            at_b = b.unsqueeze(dim)
        if _gather_alike(source, dim, at_a, at_b):
            return True
    return False


def _can_be_indices(tensor: torch.Tensor) -> bool:
    if tensor.numel() == 0:
        return False
    return int(tensor.min()) >= 0


def _gather_alike(source: torch.Tensor, dim: int, a: torch.Tensor, b: torch.Tensor) -> bool:
    for axis, size in enumerate(source.shape):
        # `gather` takes fewer indices along the other dimensions too, and then reads only a part.
        if axis != dim and a.shape[axis] != size:
            return False
    from_a = source.gather(dim, a)
    from_b = source.gather(dim, b)
    return digest(from_a) == digest(from_b)
