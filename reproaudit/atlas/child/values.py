"""Copies of operands, digests of results, and how two results differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from reproaudit.record.digest.tensors import PLAIN_TYPES, digest
from reproaudit.record.torch_private import storage_key, view_conj, view_neg

_PLAIN_NUMBERS = (bool, int, float, complex, str)


def copy_operands(value: Any, memo: dict[Any, Any]) -> Any:
    """Copy every tensor and generator in nested containers, into other memory.

    Strides, aliases and flags stay. `memo` holds what was copied already, by identity.
    """
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            memo[id(value)] = _copy_tensor(value, memo)
        return memo[id(value)]
    if isinstance(value, torch.Generator):
        return value.clone_state()
    if type(value) in (list, tuple):
        return type(value)(copy_operands(item, memo) for item in value)
    if type(value) is dict:
        return {key: copy_operands(item, memo) for key, item in value.items()}
    return value


def is_plain(tensor: torch.Tensor) -> bool:
    """Return True for a tensor that is nothing but strided memory."""
    return _has_storage(tensor) and not (tensor.is_conj() or tensor.is_neg())


def _has_storage(tensor: torch.Tensor) -> bool:
    is_strided = type(tensor) in PLAIN_TYPES and tensor.layout is torch.strided
    return is_strided and not (tensor.is_quantized or tensor.is_nested)


def _copy_tensor(tensor: torch.Tensor, memo: dict[Any, Any]) -> torch.Tensor:
    plain = tensor.detach()
    if not _has_storage(tensor):
        return plain.clone().requires_grad_(tensor.requires_grad)
    storage = plain.untyped_storage()
    if storage_key(storage) not in memo:
        memo[storage_key(storage)] = storage.clone()
    copied = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    copied.set_(memo[storage_key(storage)], tensor.storage_offset(), tensor.shape, tensor.stride())
    copied = view_conj(copied) if tensor.is_conj() else copied
    copied = view_neg(copied) if tensor.is_neg() else copied
    return copied.requires_grad_(tensor.requires_grad)


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
    return repr(value) if isinstance(value, _PLAIN_NUMBERS) else type(value).__qualname__


def count_largest(value: Any) -> int:
    """Return the number of elements of the largest tensor, 0 if there is none."""
    # A nested tensor may refuse to say how many it has.
    counts = [0 if tensor.is_nested else tensor.numel() for tensor in tensors_in(value)]
    return max(counts, default=0)


@dataclass(frozen=True, slots=True)
class Difference:
    """Of all tensors together. `max_abs` is None where nothing can be subtracted."""

    elements: int
    differing: int
    max_abs: float | None


def _pair_differing(one: Any, other: Any) -> list[tuple[torch.Tensor, torch.Tensor]] | None:
    """Return the pairs of plain tensors whose bytes differ.

    None if something else differs, such as a shape.
    """
    first, second = list(tensors_in(one)), list(tensors_in(other))
    if len(first) != len(second):
        return None
    pairs = []
    for a, b in zip(first, second, strict=True):
        if digest(a) == digest(b):
            continue
        is_comparable = is_plain(a) and is_plain(b) and a.shape == b.shape and a.dtype == b.dtype
        if not is_comparable:
            return None
        pairs.append((a.detach(), b.detach()))
    return pairs or None


def measure(one: Any, other: Any) -> Difference | None:
    """Say how far two results are apart; None if they differ in shape or kind."""
    pairs = _pair_differing(one, other)
    if pairs is None:
        return None
    elements = differing = 0
    max_abs = 0.0
    for a, b in pairs:
        elements += a.numel()
        unequal = a != b
        if _can_hold_nan(a):
            unequal &= ~(a.isnan() & b.isnan())
        count = int(unequal.sum())
        differing += count
        if count:
            max_abs = max(max_abs, _find_largest_distance(a[unequal], b[unequal]))
    return Difference(elements, differing, max_abs)


def _find_largest_distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the largest |a - b|; infinite where one of both is NaN."""
    wide = torch.complex128 if a.is_complex() else torch.float64
    distances = (a.to(wide) - b.to(wide)).abs()
    return float(distances.nan_to_num(float("inf")).max())


def _can_hold_nan(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def differ_in_nan_bits_only(one: Any, other: Any) -> bool:
    """Return True if only sign and payload of NaN differ, which no arithmetic sees."""
    pairs = _pair_differing(one, other)
    if pairs is None or not all(_can_hold_nan(a) for a, _ in pairs):
        return False
    return all(_clear_nan_bits(a) == _clear_nan_bits(b) for a, b in pairs)


def _clear_nan_bits(tensor: torch.Tensor) -> Any:
    parts = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return digest(torch.where(parts.isnan(), torch.full_like(parts, float("nan")), parts))


def differ_in_ties_only(one: Any, other: Any, operands: Any) -> bool:
    """Return True if only indices differ and both point at equal values of one of the operands."""
    pairs = _pair_differing(one, other)
    if pairs is None or any(a.dtype is not torch.int64 for a, _ in pairs):
        return False
    candidates = [tensor.detach() for tensor in tensors_in(operands) if is_plain(tensor)]
    return all(any(_point_at_equals(source, a, b) for source in candidates) for a, b in pairs)


def _point_at_equals(source: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> bool:
    """Return True if the indices `a` and `b` name equal values of `source` along some dimension."""
    for index in (a, b):
        if not index.numel() or int(index.min()) < 0:
            return False
    is_reduced = source.dim() == a.dim() + 1  # by a reduction without keepdim
    if not is_reduced and source.dim() != a.dim():
        return False
    top = int(torch.maximum(a, b).max())
    for dim in range(source.dim()):
        if top >= source.shape[dim]:
            continue
        at_a, at_b = (a.unsqueeze(dim), b.unsqueeze(dim)) if is_reduced else (a, b)
        if _gather_alike(source, dim, at_a, at_b):
            return True
    return False


def _gather_alike(source: torch.Tensor, dim: int, a: torch.Tensor, b: torch.Tensor) -> bool:
    for axis in range(source.dim()):
        if axis != dim and a.shape[axis] != source.shape[axis]:
            return False
    return digest(source.gather(dim, a)) == digest(source.gather(dim, b))
