"""Digests of the slices of a tensor along each of its dimensions."""

from __future__ import annotations

import torch
import xxhash

from reproaudit.config.portions import Kept
from reproaudit.record.digest.memory import MEMORY
from reproaudit.record.digest.tensors import pack, seed_for
from reproaudit.trace.slices import MOST_SLICES

_xxh128 = xxhash.xxh3_128_digest


def digest_slices(tensor: torch.Tensor) -> bytes:
    """Return the digests of the slices along each dimension that is not too long, 16 bytes each.

    The low half comes first. Equal dtype, shape and content of two slices give equal digests
    whatever the dimension's size. Call it inside `untraced()`; device tensors are copied to the
    CPU.
    """
    if not tensor.is_cpu:
        tensor = tensor.cpu()
    found = bytearray()
    for dimension, size in enumerate(tensor.shape):
        if size <= MOST_SLICES:
            found += _digest_along(tensor, dimension)
    return bytes(found)


def _digest_along(tensor: torch.Tensor, dimension: int) -> bytes:
    size = tensor.shape[dimension]
    if not size:
        return b""
    seed = seed_for(tensor.select(dimension, 0))
    packed = pack(tensor.movedim(dimension, 0))
    slice_bytes = packed.numel() * packed.element_size() // size
    if not slice_bytes:
        return _xxh128(b"", seed)[::-1] * size
    start = packed.data_ptr()
    addresses = range(start, start + size * slice_bytes, slice_bytes)
    return b"".join(
        [_xxh128(MEMORY[address : address + slice_bytes], seed)[::-1] for address in addresses]
    )


def cut_to_kept(tensor: torch.Tensor, kept: Kept, *, is_inner: bool) -> torch.Tensor:
    """Return what is left of a tensor if only some places of dimensions of one size are kept.

    A dimension of several times that size holds it together with another, as rows of [batch, time]
    do. Which of the two comes first is not known: `is_inner` takes it to be the last one.
    """
    for dimension, size in enumerate(tensor.shape):
        if not size or size % kept.size:
            continue
        others = size // kept.size
        places = torch.arange(size)
        own = places % kept.size if is_inner else places // others
        is_kept = (own < kept.stop) & (own % kept.step == 0)
        tensor = tensor.index_select(dimension, places[is_kept].to(tensor.device))
    return tensor
