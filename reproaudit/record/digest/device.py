"""The digest of a device tensor, computed where it lies, by sums that no order can change.

The bytes in logical order are read as 64-bit words, the last one padded with zeros. Word w at
position k becomes z = mix(w + (2k + 1) * GOLDEN), mix being the finaliser of SplitMix64 (a
bijection), and the digest is the pair of sums of z and of (2k + 1) * z, all modulo 2^64. Each sum
alone tells apart any two tensors that differ in one word.

On CUDA a Triton kernel (triton_kernels) reads the memory once. What it does not cover, and
everything where Triton does not work, is computed by the torch ops here. The sums are the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import torch
import xxhash

from reproaudit.record.digest.layout import WORD, Layout, Walk, layout_of
from reproaudit.record.digest.tensors import (
    CHUNK_BYTES,
    PLAIN_TYPES,
    Digest,
    inner_tensors,
    seed_for,
    try_to_read,
)
from reproaudit.record.torch_private import cuda_device, cuda_stream_handle, is_function_mode_on

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_MAX_PLANS = 4096
# The largest power of two up to 16 that divides an address, by the address's last four bits.
_ALIGNMENTS = tuple(16 if bits == 0 else bits & -bits for bits in range(16))
ROW_BYTES = 16  # two int64 sums


def _as_int64(bits: int) -> int:
    """Return the signed number that has the bits of an unsigned one."""
    return bits - (1 << 64) if bits >> 63 else bits


# Increment, shifts and multipliers of SplitMix64 (Steele, Lea, Flood 2014). torch has sums of
# signed integers only; modulo 2^64 they are the same.
_GOLDEN = _as_int64(0x9E3779B97F4A7C15)
_ROUNDS = (
    (30, _as_int64(0xBF58476D1CE4E5B9)),
    (27, _as_int64(0x94D049BB133111EB)),
    (31, 1),
)


class Plan:
    """What is known of all tensors of one dtype, shape and strides."""

    __slots__ = ("item", "launches", "layout", "least_alignment", "seed")

    def __init__(self, tensor: torch.Tensor) -> None:
        self.seed = seed_for(tensor)
        self.item = tensor.element_size()
        self.layout: Layout | None = layout_of(tensor.shape, tensor.stride(), self.item)
        is_strided = self.layout is not None and self.layout.walk is not Walk.CONTIGUOUS
        # Of the address, for the kernel to read it: contiguous bytes are read in units that fit.
        self.least_alignment = min(self.item, WORD) if is_strided else 1
        # By device and alignment.
        self.launches: dict[tuple[int, int], Callable[[int, int, int], None]] = {}


def device_digest(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return two int64 sums on the tensor's own device; None for what has no bytes to read.

    Nothing waits for the device. The sums stand for the bytes only: `fold` adds dtype and shape.
    Equal bytes give equal sums on any device and with any strides, but not those of `digest`.
    Temporary memory is a few times CHUNK_BYTES, however large the tensor.
    """
    return try_to_read(_sum_bytes, tensor)


def _sum_bytes(tensor: torch.Tensor) -> torch.Tensor | None:
    rows = torch.zeros((1, 2), dtype=torch.int64, device=tensor.device)
    seed = digest_into(tensor, rows, 0)
    return None if seed is None else rows[0]


def digest_into(tensor: torch.Tensor, rows: torch.Tensor, row: int) -> int | None:
    """Add the sums to a row of `rows`, zeros so far, on the current stream of their device.

    Nothing waits for the device. Returns the `seed_for` the tensor; for what has no bytes to read
    it returns None and leaves the row as it is.
    """
    try:
        if type(tensor) in PLAIN_TYPES and tensor.is_cuda and not is_function_mode_on():
            plan = _plan_of(tensor)
            if _launch(plan, tensor, rows.data_ptr() + row * ROW_BYTES):
                return plan.seed
    except (RuntimeError, TypeError):
        # Some layouts have no strides or storage, and some sizes are no numbers.
        pass
    return try_to_read(_add_slowly, tensor, rows, row)


def _add_slowly(tensor: torch.Tensor, rows: torch.Tensor, row: int) -> int | None:
    return seed_for(tensor) if _add_any(tensor, rows, row) else None


def why_no_kernel() -> str:
    """Return why the Triton kernel does not compute digests on CUDA; empty if it does.

    Empty too while no digest was asked for.
    """
    return kernel_problem


def fold(pair: tuple[int, int], seed: int) -> Digest:
    """Return the digest, low half first, for two fetched sums and the `seed_for` the tensor."""
    value = xxhash.xxh3_128_intdigest(struct.pack("<qq", *pair), seed)
    return value & 0xFFFF_FFFF_FFFF_FFFF, value >> 64


def _add_any(tensor: torch.Tensor, rows: torch.Tensor, row: int) -> bool:
    composite = inner_tensors(tensor)
    if composite is None:
        return _add_plain(tensor, rows, row)
    _, parts = composite
    # The sums of the parts are themselves a tensor, whose sums stand for the whole.
    inner = torch.zeros((len(parts), 2), dtype=torch.int64, device=rows.device)
    is_added = [_add_any(part, inner, number) for number, part in enumerate(parts)]
    if not is_added or not all(is_added):
        return False
    return _add_plain(inner, rows, row)


def _add_plain(tensor: torch.Tensor, rows: torch.Tensor, row: int) -> bool:
    if tensor.device != rows.device or not _has_memory(tensor):
        return False
    if tensor.is_cuda and _launch(_plan_of(tensor), tensor, rows.data_ptr() + row * ROW_BYTES):
        return True
    rows[row].copy_(sums_by_ops(tensor))
    return True


def _has_memory(tensor: torch.Tensor) -> bool:
    storage = tensor.untyped_storage()
    if storage.device.type == "meta" or tensor.is_meta:
        return False
    if tensor.numel() == 0:
        return True
    last = tensor.storage_offset()
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        last += (size - 1) * stride
    end = (last + 1) * tensor.element_size()
    if end > storage.nbytes() or storage.data_ptr() == 0:
        return False
    if not tensor.is_cuda:
        return True
    # A GPU faults on an address that its element's size does not divide, and after a fault the
    # program is lost.
    return tensor.data_ptr() % min(tensor.element_size(), WORD) == 0


# -- the kernel

# By dtype, shape and strides.
plans: dict[tuple[torch.dtype, torch.Size, tuple[int, ...]], Plan] = {}
# Why the kernel does not work; empty while it does.
kernel_problem = ""


def _plan_of(tensor: torch.Tensor) -> Plan:
    key = (tensor.dtype, tensor.shape, tensor.stride())
    plan = plans.get(key)
    if plan is None:
        if len(plans) >= _MAX_PLANS:
            plans.clear()
        plan = plans[key] = Plan(tensor)
    return plan


def _launch(plan: Plan, tensor: torch.Tensor, sums: int) -> bool:
    """Enqueue the kernel on the current stream of the tensor's device; False if it cannot.

    No `record_stream`: whoever lets an op, a module or an optimizer use a tensor on this stream
    sees to it that the memory outlives what the stream holds by then, and the digest is enqueued
    beside that use, before the program can go on. Calling it would delay the reuse of memory, which
    changes the program.
    """
    layout = plan.layout
    if layout is None or kernel_problem or tensor.is_neg() or tensor.is_conj():
        return False
    if layout.count == 0:
        return True
    address = tensor.data_ptr()
    alignment = _ALIGNMENTS[address & 15]
    end = tensor.storage_offset() * plan.item + layout.extent
    if address == 0 or alignment < plan.least_alignment:
        return False
    if end > tensor.untyped_storage().nbytes():
        return False
    device = tensor.get_device()
    if device == cuda_device():
        return _enqueue(plan, device, address, sums)
    with torch.cuda.device(device):
        return _enqueue(plan, device, address, sums)


def _enqueue(plan: Plan, device: int, address: int, sums: int) -> bool:
    stream = cuda_stream_handle(device)
    alignment = _ALIGNMENTS[address & 15]
    launch = plan.launches.get((device, alignment))
    if launch is not None:
        launch(address, sums, stream)
        return True
    return _bind_and_enqueue(plan, (device, alignment), (address, sums, stream))


def _bind_and_enqueue(plan: Plan, key: tuple[int, int], arguments: tuple[int, int, int]) -> bool:
    """Compile the launch of `plan` for a device and an alignment, and make it once."""
    global kernel_problem
    device, alignment = key
    assert plan.layout is not None
    try:
        # Not before a CUDA tensor is there: a program without one must not import Triton because
        # of the recorder.
        from reproaudit.record.digest.triton_kernels import bind

        launch = bind(plan.layout, alignment, device)
        launch(*arguments)
    except Exception as error:
        # No Triton, no C compiler for its launcher, or a version with another way to launch. It is
        # not tried again: every digest would pay for the failure.
        kernel_problem = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        return False
    plan.launches[key] = launch
    return True


# -- torch ops


def sums_by_ops(tensor: torch.Tensor) -> torch.Tensor:
    """Return the two sums by torch ops alone, on any device."""
    total = torch.zeros(2, dtype=torch.int64, device=tensor.device)
    position = 0
    for words in _words(tensor):
        total.add_(sum_words(words, position))
        position += words.numel()
    return total


def sum_words(words: torch.Tensor, position: int) -> torch.Tensor:
    """Return the two sums of int64 words, the first of which stands at `position`."""
    first = 2 * position + 1
    end = first + 2 * words.numel()
    weights = torch.arange(first, end, 2, dtype=torch.int64, device=words.device)
    mixed = torch.add(words, weights, alpha=_GOLDEN)
    for shift, multiplier in _ROUNDS:
        # int64 shifts copy the sign bit: cutting it off again makes the shift the unsigned one that
        # SplitMix64 needs.
        shifted = (mixed >> shift).bitwise_and_((1 << (64 - shift)) - 1)
        mixed.bitwise_xor_(shifted)
        if multiplier != 1:
            mixed.mul_(multiplier)
    return torch.stack((mixed.sum(), weights.mul_(mixed).sum()))


def _words(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the tensor's bytes in logical order as int64 words, CHUNK_BYTES at a time."""
    count = tensor.numel()
    step = CHUNK_BYTES // tensor.element_size()
    for start in range(0, count, step):
        stop = min(start + step, count)
        parts = [_flat_bytes(part) for part in _elements(tensor, start, stop)]
        chunk = parts[0] if len(parts) == 1 else torch.cat(parts)
        padding = -chunk.numel() % WORD
        if padding:
            chunk = torch.nn.functional.pad(chunk, (0, padding))
        elif chunk.storage_offset() % WORD:
            # The view as int64 refuses an offset that no word begins at.
            chunk = chunk.clone()
        yield chunk.view(torch.int64)


def _elements(tensor: torch.Tensor, start: int, stop: int) -> Iterator[torch.Tensor]:
    """Yield views that together are the elements start to stop of `tensor`, in logical order."""
    if tensor.dim() == 0 or (start == 0 and stop == tensor.numel()):
        yield tensor
        return
    if tensor.dim() == 1:
        yield tensor[start:stop]
        return
    row = tensor.numel() // tensor.shape[0]
    # The rows from `first` up to `last` lie wholly inside.
    first = -(-start // row)
    last = stop // row
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
    # As integers, because some dtypes have no copy kernel.
    flat = tensor.view(_INTEGERS[tensor.element_size()]).reshape(-1).contiguous()
    # `contiguous` leaves a single element its stride, whatever it is, and the view as bytes refuses
    # all but 1.
    return flat.as_strided((flat.numel(),), (1,)).view(torch.uint8)
