"""Everything a call of an operator leaves behind, read without the recorder's own code, so that two
calls compare."""

from __future__ import annotations

import ctypes
import hashlib
import random
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch._subclasses import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode

from reproaudit.atlas.child.values import copy_operands

SEED = 20240229
FILLS = (0x55, 0xAA, 0x33, 0xCC)  # fresh memory is filled with the complement of one of these
_M_PERTURB = -6  # of glibc's mallopt
_MANY_BYTES = 1 << 16
_PLAIN_VALUES = (
    bool,
    int,
    str,
    bytes,
    type(None),
    torch.dtype,
    torch.device,
    torch.layout,
    torch.Size,
)
_COMPRESSED = {
    torch.sparse_csr: ("crow_indices", "col_indices"),
    torch.sparse_bsr: ("crow_indices", "col_indices"),
    torch.sparse_csc: ("ccol_indices", "row_indices"),
    torch.sparse_bsc: ("ccol_indices", "row_indices"),
}


@dataclass(frozen=True)
class Outcome:
    """One call: each part is plain data. `inputs` are the operands after the call, mutated or not.

    `layout` is what no value depends on: strides, offsets, lazy conjugation, names of autograd
    nodes, version counters.
    """

    outputs: Any
    inputs: Any
    gradients: Any
    layout: Any
    random_state: Any
    warned: tuple[str, ...]
    raised: str


def differing(first: Outcome, second: Outcome) -> frozenset[str]:
    """Return the names of the parts in which two outcomes differ."""
    return frozenset(
        part.name
        for part in fields(Outcome)
        if getattr(first, part.name) != getattr(second, part.name)
    )


def capture(
    call: Callable[..., Any],
    operands: tuple[Any, ...],
    roots: Callable[[Any], Any] | None = None,
    watch: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Outcome:
    """Call with copies of `operands` from a fixed seed, inside `watch()`; then go backward if
    `roots` is given.

    `roots` picks from the result what is differentiable, as an OpInfo's `output_process_fn_grad`
    does.
    """
    own = copy_operands(operands, {})
    result, raised = None, ""
    leaves = [tensor for tensor in tensors_in(own) if tensor.requires_grad]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with watch():
            seed_everything()
            try:
                result = call(*own)
                if roots is not None:
                    _backward(roots(result))
            except Exception as error:
                raised = f"{type(error).__name__}: {error}"
            state = _random_state()
        layout: list[Any] = [
            None if tensor.is_inference() else tensor._version for tensor in tensors_in(own)
        ]
        warned = tuple(sorted(f"{entry.category.__name__}: {entry.message}" for entry in caught))
        # What follows may warn too, and it is no part of the call.
        with torch.no_grad():
            outputs, inputs = facts(result, layout), facts(own, layout)
            gradients = [facts(leaf.grad, layout) for leaf in leaves]
        return Outcome(outputs, inputs, gradients, layout, state, warned, raised.split("\n")[0])


def seed_everything() -> None:
    torch.default_generator.manual_seed(
        SEED
    )  # torch.manual_seed also looks for every device there could be: slow
    np.random.seed(SEED)
    random.seed(SEED)


def _random_state() -> Any:
    name, keys, position, has_gauss, gauss = np.random.get_state()
    own = (name, keys.tobytes(), position, has_gauss, gauss)  # type: ignore[union-attr]
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), own


def _backward(result: Any) -> None:
    roots = [tensor for tensor in tensors_in(result) if tensor.requires_grad]
    if roots:
        torch.autograd.backward(roots, [_cotangent(root) for root in roots])


def _cotangent(root: torch.Tensor) -> torch.Tensor:
    if root.layout is not torch.strided or root.is_nested or type(root) is not torch.Tensor:
        return root.detach().clone()
    generator = torch.Generator().manual_seed(SEED)
    wide = torch.complex128 if root.is_complex() else torch.float64
    return torch.randn(root.shape, generator=generator, dtype=wide).to(root.dtype)


# -- what a call runs in


def fill_memory(byte: int) -> None:
    """Have the allocator fill memory with `byte` when it is freed, with its complement when fresh;
    glibc only."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_PERTURB, byte)


class EmptyMode(TorchDispatchMode):
    """Tells what any dispatch mode changes from what the recorder changes."""

    supports_higher_order_operators = True

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        return True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def tensors_in(value: Any) -> list[torch.Tensor]:
    """Return the tensors in nested containers, each object once."""
    found: dict[int, torch.Tensor] = {}
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, torch.Tensor):
            found.setdefault(id(item), item)
        elif isinstance(item, dict):
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, (list, tuple)):
            stack.extend(reversed(item))
    return list(found.values())


# -- facts


def facts(value: Any, layout: list[Any]) -> Any:
    """Describe a result by plain data that is equal exactly if the result is, to the bit; append to
    `layout`."""
    if isinstance(value, torch.Tensor):
        return _tensor_facts(value, layout)
    if isinstance(value, torch.Generator):
        return value.get_state().numpy().tobytes()
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, torch.UntypedStorage):
        return bytes(value.tolist())
    if isinstance(value, torch.TypedStorage):
        return str(value.dtype), facts(value.untyped(), layout)
    if isinstance(value, _PLAIN_VALUES):
        return value
    if isinstance(value, (float, complex)):
        return np.asarray(value).tobytes()
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [facts(item, layout) for item in value]
    if isinstance(value, dict):
        return [(key, facts(item, layout)) for key, item in value.items()]
    return type(value).__qualname__


def _tensor_facts(tensor: torch.Tensor, layout: list[Any]) -> Any:
    layout += [
        type(tensor.grad_fn).__name__,
        tensor.is_conj(),
        tensor.is_neg(),
        tensor._is_zerotensor(),
    ]
    head = [
        type(tensor).__name__,
        str(tensor.dtype),
        str(tensor.layout),
        str(tensor.device),
        tensor.requires_grad,
    ]
    plain = tensor.detach()
    if tensor.is_nested:  # its sizes are numbered by a counter of the process
        return head, facts(list(plain.unbind()), layout)
    head.append(tuple(tensor.shape))
    if isinstance(tensor, FakeTensor):
        return head
    if (flatten := getattr(type(tensor), "__tensor_flatten__", None)) is not None:
        return head, facts([getattr(plain, name) for name in flatten(plain)[0]], layout)
    if tensor.layout is torch.sparse_coo:
        return head, tensor.is_coalesced(), facts([plain._indices(), plain._values()], layout)
    if tensor.layout in _COMPRESSED:
        indices = [getattr(plain, name)() for name in _COMPRESSED[tensor.layout]]
        return head, facts([*indices, plain.values()], layout)
    if tensor.is_quantized:
        scales = (
            [plain.q_scale(), plain.q_zero_point()]
            if plain.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric)
            else [
                plain.q_per_channel_scales(),
                plain.q_per_channel_zero_points(),
                plain.q_per_channel_axis(),
            ]
        )
        return head, facts([*scales, plain.int_repr()], layout)
    if tensor.device.type != "cpu" or tensor.layout is not torch.strided:
        return head
    layout += [plain.stride(), plain.storage_offset()]
    return head, bits(plain)


def bits(tensor: torch.Tensor) -> bytes:
    """Return the bytes of a strided CPU tensor in logical order; their SHA-256 if they are many."""
    plain = tensor.as_subclass(torch.Tensor).resolve_conj().resolve_neg().contiguous()
    if not plain.numel() or plain._is_zerotensor():  # which has no memory
        return b""
    raw = plain.as_strided((plain.numel(),), (1,)).view(torch.uint8).numpy()
    return raw.tobytes() if raw.size <= _MANY_BYTES else hashlib.sha256(raw).digest()
