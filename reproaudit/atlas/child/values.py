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
    """Copy every tensor and generator in nested containers: same strides, aliases and flags, other
    memory."""
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            memo[id(value)] = _fresh_tensor(value, memo)
        return memo[id(value)]
    if isinstance(value, torch.Generator):
        return value.clone_state()
    if type(value) in (list, tuple):
        return type(value)(copy_operands(item, memo) for item in value)
    if type(value) is dict:
        return {key: copy_operands(item, memo) for key, item in value.items()}
    return value


def is_plain(tensor: torch.Tensor) -> bool:
    """True for a tensor that is nothing but strided memory."""
    return (
        type(tensor) in PLAIN_TYPES
        and tensor.layout is torch.strided
        and not (tensor.is_quantized or tensor.is_nested or tensor.is_conj() or tensor.is_neg())
    )


def _fresh_tensor(tensor: torch.Tensor, memo: dict[Any, Any]) -> torch.Tensor:
    plain = tensor.detach()
    if (
        type(tensor) not in PLAIN_TYPES
        or tensor.layout is not torch.strided
        or tensor.is_quantized
        or tensor.is_nested
    ):
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
    """Return what two results must agree in: the digest of each tensor, and numbers and texts as
    they are."""
    if isinstance(value, torch.Tensor):
        return digest(value)
    if isinstance(value, dict):
        return [(key, identify(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [identify(item) for item in value]
    return repr(value) if isinstance(value, _PLAIN_NUMBERS) else type(value).__qualname__


def count_largest(value: Any) -> int:
    """Return the number of elements of the largest tensor, 0 if there is none."""
    return max((_numel(tensor) for tensor in tensors_in(value)), default=0)


def _numel(tensor: torch.Tensor) -> int:
    return 0 if tensor.is_nested else tensor.numel()


# -- how two results differ
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """Of all tensors together. `max_abs` is None where nothing can be subtracted."""

    elements: int
    differing: int
    max_abs: float | None


def differing_pairs(one: Any, other: Any) -> list[tuple[torch.Tensor, torch.Tensor]] | None:
    """Return the pairs of plain tensors whose bytes differ; None if something else differs, such as
    a shape."""
    first, second = list(tensors_in(one)), list(tensors_in(other))
    if len(first) != len(second):
        return None
    pairs = [
        (a.detach(), b.detach())
        for a, b in zip(first, second, strict=True)
        if digest(a) != digest(b)
    ]
    if not pairs or any(
        not is_plain(a) or not is_plain(b) or a.shape != b.shape or a.dtype != b.dtype
        for a, b in pairs
    ):
        return None
    return pairs


def measure(one: Any, other: Any) -> Difference | None:
    """Say how far two results are apart; None if they differ in shape or kind."""
    pairs = differing_pairs(one, other)
    if pairs is None:
        return None
    total, differing, distances = 0, 0, [0.0]
    for a, b in pairs:
        total += a.numel()
        unequal = (a != b) & ~(a.isnan() & b.isnan()) if _has_nan(a) else a != b
        differing += int(unequal.sum())
        wide = torch.complex128 if a.is_complex() else torch.float64
        if bool(unequal.any()):
            distances.append(
                float(
                    (a[unequal].to(wide) - b[unequal].to(wide)).abs().nan_to_num(float("inf")).max()
                )
            )
    return Difference(total, differing, max(distances))


def _has_nan(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def differ_in_nan_bits_only(one: Any, other: Any) -> bool:
    """True if all that differs are sign and payload of NaN, which no arithmetic sees."""
    pairs = differing_pairs(one, other)
    if pairs is None or not all(_has_nan(a) for a, _ in pairs):
        return False
    return all(_without_nan_bits(a) == _without_nan_bits(b) for a, b in pairs)


def _without_nan_bits(tensor: torch.Tensor) -> Any:
    parts = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return digest(torch.where(parts.isnan(), torch.full_like(parts, float("nan")), parts))


def differ_in_ties_only(one: Any, other: Any, operands: Any) -> bool:
    """True if only indices differ and both results point at equal values of one of the operands."""
    pairs = differing_pairs(one, other)
    if pairs is None or any(a.dtype is not torch.int64 for a, _ in pairs):
        return False
    candidates = [tensor.detach() for tensor in tensors_in(operands) if is_plain(tensor)]
    return all(any(_point_at_equals(source, a, b) for source in candidates) for a, b in pairs)


def _point_at_equals(source: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> bool:
    for index in (a, b):
        if not index.numel() or int(index.min()) < 0:
            return False
    top = int(torch.maximum(a, b).max())
    if source.dim() == a.dim() + 1:  # a reduction without keepdim
        return any(
            top < source.shape[dim]
            and _gathered_alike(source, dim, a.unsqueeze(dim), b.unsqueeze(dim))
            for dim in range(source.dim())
        )
    if source.dim() == a.dim():
        return any(
            top < source.shape[dim] and _gathered_alike(source, dim, a, b)
            for dim in range(source.dim())
        )
    return False


def _gathered_alike(source: torch.Tensor, dim: int, a: torch.Tensor, b: torch.Tensor) -> bool:
    if any(a.shape[axis] != source.shape[axis] for axis in range(source.dim()) if axis != dim):
        return False
    return digest(source.gather(dim, a)) == digest(source.gather(dim, b))
