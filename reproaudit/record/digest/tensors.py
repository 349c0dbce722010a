"""The digest of a tensor: 128 bits over its dtype, logical shape and exact bytes in logical order.

It is the only judge of equality. A digest is two unsigned 64-bit numbers, the low and the high half
of XXH3-128 over the bytes; dtype and shape enter as the seed, so the bytes are read in place and
nothing is copied on the usual path. Layouts with more than one inner tensor (sparse, quantized,
nested, wrapper subclasses) digest a description and the digests of the inner tensors.
"""

from __future__ import annotations

import ctypes
import itertools
import struct
from collections.abc import Callable, Iterator, Sequence
from operator import mul
from typing import Any, TypeVar

import torch
import xxhash

from reproaudit.record.digest.memory import MEMORY, Blocks
from reproaudit.record.torch_private import (
    DisableDispatch,
    DisableFunctionModes,
    clear_transforms,
    is_function_mode_on,
    jagged_parts,
    mkldnn_layout,
    peek_transforms,
    ragged_dimension,
    set_grad_enabled,
    set_tracing_state,
    sparse_indices,
    sparse_values,
    tracing_state,
)

_Read = TypeVar("_Read")
Digest = tuple[int, int]  # the low and the high half
Plan = tuple[Blocks, int]  # the memory that is digested, and the seed of dtype and shape

CHUNK_BYTES = 16 << 20  # most that is copied at a time when bytes are not contiguous in memory
_MAX_PLANS = 4096

_xxh128 = xxhash.xxh3_128_digest
_xxh64 = xxhash.xxh3_64_intdigest
# xxHash's canonical form is big-endian: the high half comes first.
_halves = struct.Struct(">QQ").unpack
_is_grad_enabled = torch.is_grad_enabled
_no_dispatch_override = torch.Tensor.__torch_dispatch__
_flatten = itertools.chain.from_iterable
PLAIN_TYPES = frozenset((torch.Tensor, torch.nn.Parameter))
# Other dtypes are copied as integers of their size: some have no copy kernel, complex32 has one
# that warns.
_COPIED = frozenset({torch.float32, torch.float16, torch.bfloat16, torch.float64})
_COPIED |= {torch.int64, torch.int32, torch.bool}
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_COMPRESSED: dict[torch.layout, tuple[str, str]] = {
    torch.sparse_csr: ("crow_indices", "col_indices"),
    torch.sparse_bsr: ("crow_indices", "col_indices"),
    torch.sparse_csc: ("ccol_indices", "row_indices"),
    torch.sparse_bsc: ("ccol_indices", "row_indices"),
}

_packers: dict[int, Callable[..., bytes]] = {}
plans: dict[tuple[torch.dtype, tuple[int, ...]], Plan] = {}


def digest(tensor: torch.Tensor) -> Digest | None:
    """Return the low and the high half of the digest; None for what has no bytes to read.

    Equal dtype, shape and content give equal digests whatever the strides, offset or device. None:
    meta and fake tensors, wrappers of torch.func transforms, storages that were freed, collectives
    still under way, subclasses that neither own memory nor say what they consist of. Reads the
    memory now and leaves no trace in autograd, in dispatch modes or in the tensor. Device tensors
    are copied to the CPU, which waits for the device.
    """
    # No op is dispatched here. Complex dtypes, which may carry a conjugate bit, and quantized ones
    # have no plan.
    try:
        if (
            type(tensor) in PLAIN_TYPES
            and not is_function_mode_on()
            and tensor.is_cpu
            and tensor.is_contiguous()
            and not tensor.is_neg()
        ):
            blocks, seed = plans[tensor.dtype, tensor.shape]
            high, low = _halves(_xxh128(blocks[tensor.data_ptr()], seed))
            return low, high
    except (KeyError, RuntimeError):
        pass  # no plan yet, or no memory; layouts without shape, strides or storage
    return try_to_read(_digest_any, tensor)


def combine(digests: Sequence[Digest]) -> Digest:
    """Return one digest for several in their order.

    That of a single one is itself, that of none is (0, 0).
    """
    count = len(digests)
    if count == 1:
        return digests[0]
    if count == 0:
        return 0, 0
    pack = _packers.get(count)
    if pack is None:
        pack = _packers[count] = struct.Struct(f"<{2 * count}Q").pack
    high, low = _halves(_xxh128(pack(*_flatten(digests))))
    return low, high


def describe(tensor: torch.Tensor) -> str:
    """Return dtype and logical shape: "float32[8, 3]".

    A size that is no plain number is "*", an unknown shape "?". The text is the same in every
    process: ragged sizes are not shown, because PyTorch numbers them by a counter of the process.
    """
    with DisableFunctionModes():
        dtype = str(tensor.dtype)[6:]
        try:
            texts = [str(size) if type(size) is int else "*" for size in tensor.shape]
            sizes = ", ".join(texts)
        except RuntimeError:
            sizes = "?"
    return f"{dtype}[{sizes}]"


def seed_for(tensor: torch.Tensor) -> int:
    """Return the 64-bit seed that stands for dtype and shape.

    It is the same on every machine and in every version of torch.
    """
    return _xxh64(describe(tensor).encode())


def raw_bytes(tensor: torch.Tensor) -> tuple[str, tuple[int, ...], bytes] | None:
    """Return dtype name, shape and a copy of the exact bytes in logical order.

    None for what has no plain bytes. An expanded tensor is written out in full: ask for its logical
    size first.
    """
    return try_to_read(_copy_bytes, tensor)


def _copy_bytes(tensor: torch.Tensor) -> tuple[str, tuple[int, ...], bytes] | None:
    if inner_tensors(tensor) is not None:
        return None
    plain = _readable(tensor)
    if plain is None:
        return None
    copies = [ctypes.string_at(piece.data_ptr(), size) for piece, size in _pieces(plain)]
    return str(plain.dtype)[6:], tuple(plain.shape), b"".join(copies)


class untraced:  # lower case, as torch.no_grad: it is used like a function
    """Keep ops within out of sight.

    Out of sight of autograd, of Python modes and subclasses, of torch.func transforms and of
    torch.jit.trace: the program must not see what the recorder computes.
    """

    __slots__ = ("_dispatch", "_function", "_grad", "_tracing", "_transforms")

    def __enter__(self) -> None:
        self._function = DisableFunctionModes()
        self._dispatch = DisableDispatch()
        self._function.__enter__()
        self._dispatch.__enter__()
        self._transforms = None if peek_transforms() is None else clear_transforms()
        if self._transforms is not None:
            self._transforms.__enter__()
        self._grad = _is_grad_enabled()
        self._tracing = tracing_state()
        set_grad_enabled(False)
        if self._tracing is not None:
            set_tracing_state(None)

    def __exit__(self, *raised: Any) -> None:
        if self._tracing is not None:
            set_tracing_state(self._tracing)
        set_grad_enabled(self._grad)
        if self._transforms is not None:
            self._transforms.__exit__(None, None, None)
        self._dispatch.__exit__(*raised)
        self._function.__exit__(*raised)


def try_to_read(read: Callable[..., _Read | None], *args: Any) -> _Read | None:
    """Return what `read` makes of a tensor, out of the program's sight; None where it fails."""
    try:
        with untraced():
            return read(*args)
    except Exception:
        # A subclass runs code of its own, and exotic layouts and dtypes lack ops: what cannot be
        # read must not end the program.
        return None


def inner_tensors(tensor: torch.Tensor) -> tuple[str, list[torch.Tensor]] | None:
    """Return a text and the tensors that a composite tensor consists of; None if it is plain.

    The text stands for the rest of its identity. Call it inside `untraced()`. Of a wrapper subclass
    only the inner tensors are known: other state is not looked at.
    """
    kind = type(tensor)
    if kind not in PLAIN_TYPES:
        flatten = getattr(kind, "__tensor_flatten__", None)
        if flatten is not None:
            return _flatten_subclass(tensor, flatten)
    layout = tensor.layout
    if layout is torch.sparse_coo:
        text = f"coo {describe(tensor)} coalesced={tensor.is_coalesced()}"
        return text, [sparse_indices(tensor), sparse_values(tensor)]
    if layout in _COMPRESSED:
        plain, compressed = (getattr(tensor, name)() for name in _COMPRESSED[layout])
        return f"{layout} {describe(tensor)}", [plain, compressed, tensor.values()]
    if tensor.is_nested:
        return f"nested {describe(tensor)}", list(tensor.unbind())
    if tensor.is_quantized:
        return _quantized_tensors(tensor)
    return None


def _flatten_subclass(
    tensor: torch.Tensor, flatten: Callable[[Any], Any]
) -> tuple[str, list[torch.Tensor]]:
    if getattr(tensor, "completed", True) is False:
        # An AsyncCollectiveTensor whose bytes are still being written.
        raise NotImplementedError("the collective is still under way")
    if tensor.is_nested:
        # Not by `flatten`: the cached sequence lengths that it gives come and go.
        names = jagged_parts(tensor)
        text = f"jagged {describe(tensor)} ragged={ragged_dimension(tensor)}"
    else:
        names = flatten(tensor)[0]
        text = f"{type(tensor).__name__} {describe(tensor)}"
    parts = [getattr(tensor, name) for name in names]
    # Some say of what is no tensor that it is one: a DTensor of the ranks that it is spread over.
    return text, [part for part in parts if isinstance(part, torch.Tensor)]


def _quantized_tensors(tensor: torch.Tensor) -> tuple[str, list[torch.Tensor]]:
    scheme = tensor.qscheme()
    text = f"{scheme} {describe(tensor)}"
    integers = tensor.int_repr()
    if scheme in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return f"{text} {float(tensor.q_scale()).hex()} {tensor.q_zero_point()}", [integers]
    scales = tensor.q_per_channel_scales()
    zero_points = tensor.q_per_channel_zero_points()
    return f"{text} axis={tensor.q_per_channel_axis()}", [integers, scales, zero_points]


def _digest_any(tensor: torch.Tensor) -> Digest | None:
    composite = inner_tensors(tensor)
    if composite is None:
        return _digest_plain(tensor)
    text, parts = composite
    digests = [(_xxh64(text.encode()), len(parts))]
    for part in parts:
        inner = _digest_any(part)
        if inner is None:
            return None
        digests.append(inner)
    return combine(digests)


def _digest_plain(tensor: torch.Tensor) -> Digest | None:
    plain = _readable(tensor)
    if plain is None:
        return None
    blocks, seed = _plan_for(plain)
    size = blocks.size
    if size <= CHUNK_BYTES or _is_exact(plain):
        packed = pack(plain)
        address = packed.data_ptr()
        high, low = _halves(_xxh128(MEMORY[address : address + size], seed))
        return low, high
    state = xxhash.xxh3_128(seed=seed)
    for piece, piece_size in _pieces(plain):
        address = piece.data_ptr()
        state.update(MEMORY[address : address + piece_size])
    high, low = _halves(state.digest())
    return low, high


def _plan_for(tensor: torch.Tensor) -> Plan:
    key = (tensor.dtype, tensor.shape)
    plan = plans.get(key)
    if plan is None:
        size = tensor.numel() * tensor.element_size()
        plan = (Blocks(size), seed_for(tensor))
        # A complex tensor may carry a conjugate bit, which `digest` does not look for.
        if not tensor.is_complex():
            if len(plans) >= _MAX_PLANS:
                plans.clear()
            plans[key] = plan
    return plan


def _readable(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return `tensor` as a strided one in CPU memory; None if it has no memory.

    Every element of what is returned lies within its storage.
    """
    if tensor.layout is mkldnn_layout:
        tensor = tensor.to_dense()
    storage = tensor.untyped_storage()
    if storage.device.type == "meta":
        return None
    if storage.device.type != "cpu":
        if type(tensor).__torch_dispatch__ is not _no_dispatch_override:
            return None  # a wrapper's copy to the CPU would run the program's code
        tensor = tensor.cpu()
        storage = tensor.untyped_storage()
    if tensor.numel() > 0:
        strides = tensor.stride()
        last = tensor.storage_offset() + sum(map(mul, tensor.shape, strides)) - sum(strides)
        end = (last + 1) * tensor.element_size()
        if end > storage.nbytes() or storage.data_ptr() == 0:
            return None
    return tensor


def _pieces(tensor: torch.Tensor) -> Iterator[tuple[torch.Tensor, int]]:
    """Yield contiguous tensors, and their bytes, that make up `tensor` in logical order.

    Contiguous memory is given as it is. The rest is copied, at most CHUNK_BYTES at a time, and what
    an expanded dimension repeats is copied once.
    """
    size = tensor.numel() * tensor.element_size()
    if size <= CHUNK_BYTES or _is_exact(tensor):
        yield pack(tensor), size
        return
    rows = tensor.shape[0]
    row_size = size // rows
    if row_size > CHUNK_BYTES:
        for row in tensor.unbind():
            yield from _pieces(row)
        return
    step = CHUNK_BYTES // row_size
    piece: torch.Tensor | None = None
    for start in range(0, rows, step):
        count = min(step, rows - start)
        # Rows that an expansion repeats are equal: the copy before serves again.
        if piece is None or count != step or tensor.stride(0) != 0:
            piece = pack(tensor.narrow(0, start, count))
        yield piece, count * row_size


def _is_exact(tensor: torch.Tensor) -> bool:
    """Return True if the bytes in memory are those of the logical elements, in their order."""
    return tensor.is_contiguous() and not tensor.is_neg() and not tensor.is_conj()


def pack(tensor: torch.Tensor) -> torch.Tensor:
    """Return `tensor` itself if its memory is exact, else a contiguous copy with the same bits."""
    if _is_exact(tensor):
        return tensor
    if tensor.dtype not in _COPIED and not tensor.is_neg() and not tensor.is_conj():
        tensor = tensor.view(_INTEGERS.get(tensor.element_size(), tensor.dtype))
    return tensor.resolve_conj().resolve_neg().contiguous()
