"""The digest of an op's operands: as `digest`, but permuted memory is read as it lies.

`weight.t()` is an operand of every linear layer, and packing it into logical order costs more than
the rest of the recording. Here the strides enter the seed instead. Two digests are equal exactly if
dtype, shape, strides and bytes are; strides are a function of the program, so between runs of one
program nothing is lost. A variation may change them: `set_by_content` has operands digested in
logical order as well. Boundary tensors, which are also compared between machines and versions,
keep their logical order.

Digests of operands are packed from the start, as the record of their event holds them: taking them
apart into numbers, and packing these, cost as much as computing them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import xxhash

from reproaudit.record.digest import tensors as _digest
from reproaudit.record.digest.gather import DeviceDigest
from reproaudit.record.digest.memory import Blocks
from reproaudit.record.digest.tensors import (
    PLAIN_TYPES,
    Digest,
    Plan,
    describe,
    digest,
)
from reproaudit.trace.event_calls import PackedDigest, pack_digest, unpack_digest

Operand = PackedDigest | DeviceDigest

# Big-endian, the high half first: turned round it is as a record holds it.
_xxh128 = xxhash.xxh3_128_digest
_xxh64 = xxhash.xxh3_64_intdigest
_MAX_PLANS = 4096
NO_DIGEST: PackedDigest = bytes(16)
_plans: dict[tuple[torch.dtype, tuple[int, ...], tuple[int, ...]], Plan | None] = {}
_is_by_content = False


def set_by_content(is_by_content: bool) -> None:
    """Digest operands in logical order, or again as they lie in memory."""
    global _is_by_content
    _is_by_content = is_by_content
    _plans.clear()


def digest_operands(
    tensors: Sequence[torch.Tensor], later: Callable[[torch.Tensor], DeviceDigest | None]
) -> list[Operand]:
    """Return the digests of an op's operands in order, without those that have no bytes.

    `later` starts the digest of a tensor that is not on the CPU. No function mode may be on: it
    would see what is asked of a tensor. The usual case is spelled out here because every op goes
    through it: a call per tensor costs more than a small tensor's digest.
    """
    found: list[Operand] = []
    plans = _digest.plans
    for tensor in tensors:
        try:
            if (
                type(tensor) in PLAIN_TYPES
                and tensor.is_cpu
                and tensor.is_contiguous()
                and not tensor.is_neg()
            ):
                blocks, seed = plans[tensor.dtype, tensor.shape]
                found.append(_xxh128(blocks[tensor.data_ptr()], seed)[::-1])
                continue
        except (KeyError, RuntimeError):  # as in digest
            pass
        part = digest_operand(tensor) if tensor.is_cpu else later(tensor)
        if part is not None:
            found.append(part)
    return found


def digest_operand(tensor: torch.Tensor) -> PackedDigest | None:
    """Return the digest of an operand; None for what has no bytes, as for `digest`."""
    try:
        if (
            tensor.is_contiguous()
            or type(tensor) not in PLAIN_TYPES
            or not tensor.is_cpu
            or tensor.is_neg()
        ):
            return _digest_logically(tensor)
        key = (tensor.dtype, tensor.shape, tensor.stride())
        # None is a plan too: it says that this geometry is digested in logical order.
        plan = _plans[key] if key in _plans else _make_plan(tensor, key)
        if plan is not None:
            blocks, seed = plan
            return _xxh128(blocks[tensor.data_ptr()], seed)[::-1]
    except (KeyError, RuntimeError):  # no memory; layouts without strides or storage
        pass
    return _digest_logically(tensor)


def _digest_logically(tensor: torch.Tensor) -> PackedDigest | None:
    found = digest(tensor)
    return None if found is None else pack_digest(found)


def combine_packed(digests: Sequence[PackedDigest]) -> PackedDigest:
    """Return one digest for several in their order, the one that `combine` returns."""
    count = len(digests)
    if count == 1:
        return digests[0]
    if count == 0:
        return NO_DIGEST
    return _xxh128(b"".join(digests))[::-1]


def unpack_operands(parts: Sequence[Operand]) -> list[DeviceDigest | Digest]:
    """Return the digests with those that are known as numbers."""
    return [unpack_digest(part) if isinstance(part, bytes) else part for part in parts]


def _make_plan(tensor: torch.Tensor, key: Any) -> Plan | None:
    if len(_plans) >= _MAX_PLANS:
        _plans.clear()
    plan = None
    # A conjugate bit, or a scale, is no part of the memory.
    has_plain_bytes = not tensor.is_complex() and not tensor.is_quantized
    if has_plain_bytes and not _is_by_content and _is_dense(tensor.shape, tensor.stride()):
        size = tensor.numel() * tensor.element_size()
        seed = _xxh64(f"{describe(tensor)} stored {tuple(tensor.stride())}".encode())
        plan = (Blocks(size), seed)
    _plans[key] = plan
    return plan


def _is_dense(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Return True if the elements fill one block of memory without gaps or overlaps."""
    dims = [(stride, size) for stride, size in zip(strides, shape, strict=True) if size != 1]
    expected = 1
    for stride, size in sorted(dims):
        if stride != expected:
            return False
        expected *= size
    return True
