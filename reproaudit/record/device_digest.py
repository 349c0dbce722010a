"""The digest of a device tensor, computed where it lies, in integer ops whose result no order of summation can change.

The bytes in logical order are read as 64-bit words, the last one padded with zeros. Word w at position k becomes
z = mix(w + (2k + 1) * GOLDEN), mix being the finaliser of SplitMix64 (a bijection), and the digest is the pair of sums
of z and of (2k + 1) * z, all modulo 2^64. Each sum alone tells apart any two tensors that differ in one word.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import torch
import xxhash

from reproaudit.record.digest import CHUNK_BYTES, Digest, inner_tensors, untraced

_WORD = 8  # bytes
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


# Increment, multipliers and shifts of SplitMix64 (Steele, Lea, Flood 2014), as the signed integers of torch.int64.
_GOLDEN = _signed(0x9E3779B97F4A7C15)
_ROUNDS = ((30, _signed(0xBF58476D1CE4E5B9)), (27, _signed(0x94D049BB133111EB)), (31, 1))


def device_digest(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return two int64 sums on the tensor's own device, without waiting for it; None for what has no bytes to read.

    The sums stand for the bytes only: `fold` adds dtype and shape. Equal bytes give equal sums on any device and with
    any strides, but not those of `digest`. Temporary memory is a few times CHUNK_BYTES, however large the tensor.
    """
    try:
        with untraced():
            return _digest_any(tensor)
    except Exception:  # a subclass runs code of its own, and exotic layouts and dtypes lack ops: no digest, no crash
        return None


def fold(pair: tuple[int, int], seed: int) -> Digest:
    """Return the digest, low half first, for two fetched sums and the `seed_for` the tensor."""
    value = xxhash.xxh3_128_intdigest(struct.pack("<qq", *pair), seed)
    return value & 0xFFFF_FFFF_FFFF_FFFF, value >> 64


def _digest_any(tensor: torch.Tensor) -> torch.Tensor | None:
    composite = inner_tensors(tensor)
    if composite is None:
        return _sums(tensor) if _has_memory(tensor) else None
    inner = [_digest_any(part) for part in composite[1]]
    known = [part for part in inner if part is not None]
    return _sums(torch.stack(known)) if known and len(known) == len(inner) else None


def _has_memory(tensor: torch.Tensor) -> bool:
    storage = tensor.untyped_storage()
    if storage.device.type == "meta" or tensor.is_meta:
        return False
    return tensor.numel() == 0 or (storage.nbytes() > 0 and storage.data_ptr() != 0)


def _sums(tensor: torch.Tensor) -> torch.Tensor:
    total: torch.Tensor | None = None
    position = 0
    for words in _words(tensor):
        pair = _mixed_sums(words, position)
        total = pair if total is None else total.add_(pair)
        position += words.numel()
    return torch.zeros(2, dtype=torch.int64, device=tensor.device) if total is None else total


def _mixed_sums(words: torch.Tensor, position: int) -> torch.Tensor:
    first = 2 * position + 1
    weights = torch.arange(first, first + 2 * words.numel(), 2, dtype=torch.int64, device=words.device)
    mixed = torch.add(words, weights, alpha=_GOLDEN)
    for shift, multiplier in _ROUNDS:
        # int64 shifts copy the sign bit: cutting it off again makes the shift the unsigned one that SplitMix64 needs.
        shifted = (mixed >> shift).bitwise_and_((1 << (64 - shift)) - 1)
        mixed.bitwise_xor_(shifted)
        if multiplier != 1:
            mixed.mul_(multiplier)
    return torch.stack((mixed.sum(), weights.mul_(mixed).sum()))


def _words(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the tensor's bytes in logical order as int64 words, CHUNK_BYTES at a time."""
    count, size = tensor.numel(), tensor.element_size()
    step = CHUNK_BYTES // size
    for start in range(0, count, step):
        parts = [_flat_bytes(part) for part in _elements(tensor, start, min(start + step, count))]
        chunk = parts[0] if len(parts) == 1 else torch.cat(parts)
        padding = -chunk.numel() % _WORD
        if padding:
            chunk = torch.nn.functional.pad(chunk, (0, padding))
        elif chunk.storage_offset() % _WORD:
            chunk = chunk.clone()
        yield chunk.view(torch.int64)


def _elements(tensor: torch.Tensor, start: int, stop: int) -> Iterator[torch.Tensor]:
    """Yield tensors that together are the elements start to stop of `tensor` in logical order, without copying."""
    if tensor.dim() == 0 or (start == 0 and stop == tensor.numel()):
        yield tensor
        return
    if tensor.dim() == 1:
        yield tensor[start:stop]
        return
    row = tensor.numel() // tensor.shape[0]
    first, last = -(-start // row), stop // row  # the rows from first up to last lie wholly inside
    if first > last:
        yield from _elements(tensor[last], start - last * row, stop - last * row)
        return
    if start < first * row:
        yield from _elements(tensor[first - 1], start - (first - 1) * row, row)
    if first < last:
        yield tensor[first:last]
    if stop > last * row:
        yield from _elements(tensor[last], 0, stop - last * row)


def _flat_bytes(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg()
    if tensor.dtype is torch.complex128:
        tensor = torch.view_as_real(tensor)
    flat = tensor.view(_INTEGERS[tensor.element_size()]).reshape(-1).contiguous()  # some dtypes have no copy kernel
    # `contiguous` leaves a single element its stride, whatever it is, and the view as bytes refuses all but 1.
    return flat.as_strided((flat.numel(),), (1,)).view(torch.uint8)
