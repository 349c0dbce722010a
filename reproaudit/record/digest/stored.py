"""The digest of an op's operands: as `digest`, but permuted memory is read as it lies.

`weight.t()` is an operand of every linear layer, and packing it into logical order costs more than
the rest of the recording. Here the strides enter the seed instead. Two digests are equal exactly if
dtype, shape, strides and bytes are; strides are a function of the program, so between runs of one
program nothing is lost. Boundary tensors, which are also compared between machines and versions,
keep their logical order.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import torch
import xxhash

from reproaudit.record.digest import tensors as _digest
from reproaudit.record.digest.tensors import (
    LOWEST_ADDRESS,
    PLAIN_TYPES,
    Digest,
    Plan,
    describe,
    digest,
)
from reproaudit.record.torch_private import is_function_mode_on

_xxh128 = xxhash.xxh3_128_intdigest
_xxh64 = xxhash.xxh3_64_intdigest
_MASK = (1 << 64) - 1
_MAX_PLANS = 4096
_plans: dict[tuple[torch.dtype, tuple[int, ...], tuple[int, ...]], Plan | None] = {}


def digest_operands(tensors: list[torch.Tensor], later: Callable[[torch.Tensor], Any]) -> list[Any]:
    """Return the digests of an op's operands in order, without those that have no bytes.

    `later` starts the digest of a tensor that is not on the CPU. The usual case is spelled out here
    because every op goes through it: a call per tensor costs more than a small tensor's digest.
    """
    found: list[Any] = []
    plans = _digest.plans
    is_plain = not is_function_mode_on()
    for tensor in tensors:
        try:
            if (
                is_plain
                and type(tensor) in PLAIN_TYPES
                and tensor.is_cpu
                and tensor.is_contiguous()
                and not tensor.is_neg()
            ):
                window, seed = plans[tensor.dtype, tensor.shape]
                address = tensor.data_ptr()
                if address >= LOWEST_ADDRESS:
                    value = _xxh128(window(address), seed)
                    found.append((value & _MASK, value >> 64))
                    continue
        except (KeyError, RuntimeError):  # as in digest
            pass
        part = digest_operand(tensor) if tensor.is_cpu else later(tensor)
        if part is not None:
            found.append(part)
    return found


def digest_operand(tensor: torch.Tensor) -> Digest | None:
    """Return the digest of an operand; None for what has no bytes, as for `digest`."""
    try:
        if (
            tensor.is_contiguous()
            or type(tensor) not in PLAIN_TYPES
            or not tensor.is_cpu
            or tensor.is_neg()
        ):
            return digest(tensor)
        key = (tensor.dtype, tensor.shape, tensor.stride())
        # None is a plan too: it says that this geometry is digested in logical order.
        plan = _plans[key] if key in _plans else _make_plan(tensor, key)
        address = tensor.data_ptr()
    except RuntimeError:  # layouts without strides or storage
        return digest(tensor)
    if plan is None or address < LOWEST_ADDRESS:
        return digest(tensor)
    window, seed = plan
    value = _xxh128(window(address), seed)
    return value & _MASK, value >> 64


def _make_plan(tensor: torch.Tensor, key: Any) -> Plan | None:
    if len(_plans) >= _MAX_PLANS:
        _plans.clear()
    plan = None
    # A conjugate bit, or a scale, is no part of the memory.
    has_plain_bytes = not tensor.is_complex() and not tensor.is_quantized
    if has_plain_bytes and _is_dense(tensor.shape, tensor.stride()):
        size = tensor.numel() * tensor.element_size()
        seed = _xxh64(f"{describe(tensor)} stored {tuple(tensor.stride())}".encode())
        plan = ((ctypes.c_char * size).from_address, seed)
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
