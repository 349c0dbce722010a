"""The sums of `device_digest` as Triton kernels, one read of memory each.

Imported when the first digest needs it.

Every program of a launch adds its two partial sums to the result with atomic additions of integers
modulo 2^64, which no order can change: the digest is the same for any block, grid and number of
warps, on every model of GPU.

Launches go through handles that are compiled once per kind of walk and bound once per layout:
`kernel[grid]`, Triton's usual way, binds and hashes all arguments at each call. Addresses are
passed as numbers, so that Triton asks neither the tensor nor the driver about them.
"""

# No `from __future__ import annotations`: Triton reads the annotations of kernels.
# mypy: disable-error-code="no-untyped-def, untyped-decorator, valid-type, attr-defined"
import threading
from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl

from reproaudit.record.digest.layout import MAX_RANK, WORD, Layout, Walk

_BYTES = tl.pointer_type(tl.uint8)
_SUMS = tl.pointer_type(tl.int64)
# Increment and multipliers of SplitMix64, as in reproaudit.record.digest.device.
_GOLDEN = tl.constexpr(0x9E3779B97F4A7C15)
_FIRST = tl.constexpr(0xBF58476D1CE4E5B9)
_SECOND = tl.constexpr(0x94D049BB133111EB)

# From this many words or elements on, indices need 64 bits. Offsets into memory always have them.
WIDE = 1 << 31
_UNITS = {1: tl.uint8, 2: tl.uint16, 4: tl.uint32, 8: tl.uint64}
# Kernels are compiled for these; shorter layouts are filled up with dimensions of size 1.
_RANKS = (2, 3, MAX_RANK)
_WARPS = 4
# Words per program and sweep; more would cost registers, and with them the threads that hide the
# latency of memory.
_CONTIGUOUS_BLOCK = 512
_STRIDED_BLOCK = 256
_PROGRAMS_PER_PROCESSOR = 8  # as many as fit at once; each walks on through what is left
_NUMBERS = ["count", "inner", *(f"{kind}{axis}" for kind in "nsp" for axis in range(MAX_RANK))]

Launch = Callable[[int, int, int], None]  # address of the tensor, address of its two sums, stream

_handles: dict[tuple[Any, ...], Any] = {}
_compiling = threading.Lock()


@triton.jit
def _mix(z):
    z = (z ^ (z >> 30)) * _FIRST
    z = (z ^ (z >> 27)) * _SECOND
    return z ^ (z >> 31)


@triton.jit
def _add(sums, first, second):
    tl.atomic_add(sums, tl.sum(first, 0).to(tl.int64, bitcast=True), sem="relaxed")
    tl.atomic_add(sums + 1, tl.sum(second, 0).to(tl.int64, bitcast=True), sem="relaxed")


@triton.jit(do_not_specialize=_NUMBERS[:1])
def digest_contiguous(
    data: _BYTES,
    sums: _SUMS,
    count: tl.int64,
    unit: tl.constexpr,
    grain: tl.constexpr,
    block: tl.constexpr,
):
    """Add the sums of `count` bytes, read in units of `grain` bytes, to which the address is
    aligned."""
    parts: tl.constexpr = 8 // grain
    pointer = data.to(tl.pointer_type(unit))
    program = tl.program_id(0).to(tl.uint64)
    words = (count // 8).to(tl.uint64)
    sweep = tl.num_programs(0).to(tl.uint64) * block
    lane = program * block + tl.arange(0, block).to(tl.uint64)
    sweeps = words // sweep
    counter = (2 * lane + 1) * _GOLDEN
    step = 2 * sweep * _GOLDEN
    # The weighted sum without a multiplication per word: a lane meets positions lane + i * sweep,
    # and the sum of its running totals counts the word of its sweep i as often as there are sweeps
    # from i on.
    total = tl.zeros([block], tl.uint64)
    totals = tl.zeros([block], tl.uint64)
    position = lane
    for _ in range(sweeps.to(tl.int64)):
        word = tl.load(pointer + position * parts).to(tl.uint64)
        for part in tl.static_range(1, parts):
            word |= tl.load(pointer + position * parts + part).to(tl.uint64) << (8 * grain * part)
        total += _mix(word + counter)
        totals += total
        counter += step
        position += sweep
    mask = position < words
    word = tl.load(pointer + position * parts, mask=mask, other=0).to(tl.uint64)
    for part in tl.static_range(1, parts):
        word |= tl.load(pointer + position * parts + part, mask=mask, other=0).to(tl.uint64) << (
            8 * grain * part
        )
    total += tl.where(mask, _mix(word + counter), 0)
    totals += total
    weighted = (2 * lane + 1) * total + 2 * sweep * ((sweeps + 1) * total - totals)
    tail = count % 8
    if tail != 0:
        if program == 0:
            byte = tl.arange(0, 8)
            bits = tl.load(data + words * 8 + byte, mask=byte < tail, other=0).to(tl.uint64)
            last = tl.sum(bits << (8 * byte).to(tl.uint64), 0)
            z = _mix(last + (2 * words + 1) * _GOLDEN)
            first = lane == 0
            total += tl.where(first, z, 0)
            weighted += tl.where(first, (2 * words + 1) * z, 0)
    _add(sums, total, weighted)


@triton.jit
def _step(cursor, dim):
    """Take one dimension off the indices that are left; `dim` is its size, stride and place."""
    rest, offset, position = cursor
    size, stride, place = dim
    index = rest % size.to(rest.dtype)
    wide = index.to(tl.int64)
    return rest // size.to(rest.dtype), offset + wide * stride, position + wide * place


@triton.jit
def _finish(cursor, dim):
    """As `_step`, for the last dimension, which needs no division."""
    rest, offset, position = cursor
    _, stride, place = dim
    wide = rest.to(tl.int64)
    return offset + wide * stride, position + wide * place


@triton.jit
def _place(rest, rank: tl.constexpr, dims):
    """Return the offsets in memory and the positions in logical order of indices `rest`.

    Of a rank of 2 only the first dimension needs a division.
    """
    cursor = (rest, tl.zeros(rest.shape, tl.int64), tl.zeros(rest.shape, tl.int64))
    cursor = _step(cursor, dims[0])
    if rank == 2:
        return _finish(cursor, dims[1])
    cursor = _step(cursor, dims[1])
    if rank == 3:
        return _finish(cursor, dims[2])
    cursor = _step(cursor, dims[2])
    cursor = _step(cursor, dims[3])
    cursor = _step(cursor, dims[4])
    return _finish(cursor, dims[5])


# One parameter for each number: a launch hands single numbers to the driver. Their annotations give
# them 64 bits whatever their value, so that one compiled kernel serves all layouts.
@triton.jit(do_not_specialize=_NUMBERS)
def digest_strided(
    data: _BYTES,
    sums: _SUMS,
    count: tl.int64,
    inner: tl.int64,
    n0: tl.int64,
    n1: tl.int64,
    n2: tl.int64,
    n3: tl.int64,
    n4: tl.int64,
    n5: tl.int64,
    s0: tl.int64,
    s1: tl.int64,
    s2: tl.int64,
    s3: tl.int64,
    s4: tl.int64,
    s5: tl.int64,
    p0: tl.int64,
    p1: tl.int64,
    p2: tl.int64,
    p3: tl.int64,
    p4: tl.int64,
    p5: tl.int64,
    unit: tl.constexpr,
    grain: tl.constexpr,
    straddles: tl.constexpr,
    rank: tl.constexpr,
    index: tl.constexpr,
    block: tl.constexpr,
):
    """Add the sums of a strided tensor: of `count` words in rows, or of `count` elements whose
    words straddle rows."""
    parts: tl.constexpr = 8 // grain
    pointer = data.to(tl.pointer_type(unit))
    words = (count + parts - 1) // parts if straddles else count
    total = tl.zeros([block], tl.uint64)
    weighted = tl.zeros([block], tl.uint64)
    first = tl.program_id(0).to(tl.int64) * block
    sweep = tl.num_programs(0).to(tl.int64) * block
    for start in range(first, words, sweep):
        at = start + tl.arange(0, block)
        mask = at < words
        word = tl.zeros([block], tl.uint64)
        if straddles:
            position = at
            # Each element is looked up alone: that of the word is known already.
            dims = ((n0, s0, 0), (n1, s1, 0), (n2, s2, 0), (n3, s3, 0), (n4, s4, 0), (n5, s5, 0))
            for part in tl.static_range(parts):
                element = at * parts + part
                offset, _ = _place(element.to(index), rank, dims)
                bits = tl.load(pointer + offset, mask=element < count, other=0).to(tl.uint64)
                word |= bits << (8 * grain * part)
        else:
            dims = (
                (n0, s0, p0),
                (n1, s1, p1),
                (n2, s2, p2),
                (n3, s3, p3),
                (n4, s4, p4),
                (n5, s5, p5),
            )
            offset, position = _place(at.to(index), rank, dims)
            for part in tl.static_range(parts):
                bits = tl.load(pointer + offset + part * inner, mask=mask, other=0).to(tl.uint64)
                word |= bits << (8 * grain * part)
        weight = 2 * position.to(tl.uint64) + 1
        z = tl.where(mask, _mix(word + weight * _GOLDEN), 0)
        total += z
        weighted += weight * z
    _add(sums, total, weighted)


def bind(layout: Layout, alignment: int, device: int) -> Launch:
    """Return what enqueues the sums of a layout on the current device, number `device`.

    Compiles the kernel if no other layout has needed it. `alignment` is the largest of 16, 8, 4, 2,
    1 that divides the address; for a strided layout it is at least the size of an element.
    """
    kernel, numbers, constants, programs = arguments(layout, alignment)
    properties = torch.cuda.get_device_properties(device)
    limit = _PROGRAMS_PER_PROCESSOR * properties.multi_processor_count
    # Only contiguous loads gain from what 16 tells Triton: that four words can be loaded at once.
    # Odd multiples of smaller powers tell it nothing.
    if alignment == 16 and layout.walk is Walk.CONTIGUOUS:
        example = 16
    else:
        example = 16 + min(alignment, WORD)
    with _compiling:
        key = (kernel, device, example, constants)
        handle = _handles.get(key)
        if handle is None:
            # There are no floats here; Triton 3.9 warns the program of what it does to them unless
            # it is told.
            options = {"grid": (1,), "num_warps": _WARPS, "enable_fp_fusion": False}
            handle = kernel.warmup(example, 16, *numbers, *constants, **options)
            if hasattr(handle, "result"):
                handle = handle.result()
            _handles[key] = handle
        run = handle.run  # loads the binary, so it comes before `function`
        function = handle.function
        metadata = handle.packed_metadata

    # Launch hooks belong to the profiler of the program, which is to see the program's kernels:
    # the metadata for them and both hooks are None.
    binary = (function, metadata, None, None, None)
    grid = (min(programs, limit), 1, 1)
    rest = (*numbers, *constants)

    def launch(address: int, sums: int, stream: int) -> None:
        run(*grid, stream, *binary, address, sums, *rest)

    return launch


def arguments(layout: Layout, alignment: int) -> tuple[Any, tuple[int, ...], tuple[Any, ...], int]:
    """Return kernel, numbers and constants for a layout, and how many programs have work."""
    if layout.walk is Walk.CONTIGUOUS:
        grain = min(alignment, WORD)
        programs = _blocks(layout.count // WORD, _CONTIGUOUS_BLOCK)
        units = (_UNITS[grain], grain, _CONTIGUOUS_BLOCK)
        # One program at least, for a tail that is shorter than a word.
        return digest_contiguous, (layout.count,), units, max(programs, 1)

    straddles = layout.walk is Walk.STRADDLING
    rank = min(rank for rank in _RANKS if rank >= len(layout.sizes))
    numbers = (
        layout.count,
        layout.inner,
        *_fill_up(layout.sizes, 1),
        *_fill_up(layout.strides, 0),
        *_fill_up(layout.positions, 0),
    )
    index = tl.uint64 if layout.count >= WIDE else tl.uint32
    words = layout.count
    if straddles:
        words = _blocks(layout.count * layout.size, WORD)
    constants = (_UNITS[layout.size], layout.size, straddles, rank, index, _STRIDED_BLOCK)
    return digest_strided, numbers, constants, _blocks(words, _STRIDED_BLOCK)


def _blocks(count: int, size: int) -> int:
    """Return how many blocks of `size` hold `count`."""
    return -(-count // size)


def _fill_up(values: tuple[int, ...], filling: int) -> tuple[int, ...]:
    return values + (filling,) * (MAX_RANK - len(values))
