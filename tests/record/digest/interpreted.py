"""Runs the kernels of triton_digest in Triton's interpreter; prints what they gave beside what is
defined, as JSON.

    TRITON_INTERPRET=1 python -m tests.record.digest.interpreted SUITE

A process of its own, because the variable must be set before Triton is imported and then holds for
every kernel.
"""

from __future__ import annotations

import itertools
import json
import mmap
import random
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import torch
import triton.language as tl
from triton.runtime import interpreter

from reproaudit.record.digest import triton_kernels as triton_digest
from reproaudit.record.digest.layout import Walk, layout_of
from reproaudit.record.digest.tensors import raw_bytes
from tests.record.digest.kernel_cases import DTYPES, defined_sums, golden_tensors, tensor_of, walks

_patch_tensor = interpreter._patch_lang_tensor


def _patch_tensor_for_numpy(tensor: Any, scope: Any) -> None:
    """Let a scalar end a loop: Triton 3.6 keeps it as an array of one element, which NumPy 2.4
    makes no int of."""
    _patch_tensor(tensor, scope)
    scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))


interpreter._patch_lang_tensor = _patch_tensor_for_numpy
# It would copy whole storages onto themselves, 2 GiB of untouched memory among them.
interpreter.GridExecutor._restore_args_dev = lambda *arguments: None


def as_bytes(tensor: torch.Tensor) -> torch.Tensor:
    """Return a uint8 tensor that begins at the tensor's first element, which the interpreter takes
    for a pointer."""
    start = tensor.storage_offset() * tensor.element_size()
    return torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage(), start, (1,), (1,))


def kernel_sums(
    tensor: torch.Tensor, block: int = 64, programs: int = 2, **changed: Any
) -> list[int] | None:
    """Return what the kernel gives; None if it leaves the tensor to torch ops."""
    layout = layout_of(tensor.shape, tensor.stride(), tensor.element_size())
    if layout is None:
        return None
    sums = torch.zeros(2, dtype=torch.int64)
    if layout.count:
        alignment = tensor.data_ptr() & -tensor.data_ptr()
        kernel, numbers, constants, _ = triton_digest.arguments(layout, min(alignment, 16))
        names = kernel.arg_names[2 + len(numbers) :]
        given = dict(zip(names, constants, strict=True)) | {"block": block} | changed
        kernel[(programs,)](as_bytes(tensor), sums, *numbers, **given)
    return [int(value) for value in sums]


def defined(tensor: torch.Tensor) -> list[int]:
    raw = raw_bytes(tensor)
    assert raw is not None
    return list(defined_sums(raw[2]))


def dtypes() -> Iterator[tuple[str, Any, Any]]:
    for dtype in DTYPES:
        base = tensor_of(dtype, (5, 6, 7), 3)
        for name, view in {
            "whole": base,
            "permuted": base.permute(2, 0, 1),
            "swapped": base.permute(1, 0, 2),
            "tail": base[1:, 1, 2:],
            "strided": base[:, ::2],
            "unaligned": base.flatten()[1:],
            "scalar": base[1, 2, 3],
        }.items():
            yield f"{str(dtype)[6:]} {name}", kernel_sums(view), defined(view)


def random_layouts() -> Iterator[tuple[str, Any, Any]]:
    chance = random.Random(0)
    for number in range(100):
        shape = tuple(chance.randint(1, 6) for _ in range(chance.randint(1, 5)))
        view = tensor_of(chance.choice(DTYPES), shape, number)
        dims = list(range(len(shape)))
        chance.shuffle(dims)
        view = view.permute(dims)
        for axis in range(len(shape)):
            if chance.random() < 0.3:
                view = view.narrow(axis, 0, 1).expand(
                    *(-1 if d != axis else 3 for d in range(len(shape)))
                )
            elif chance.random() < 0.3:
                view = view[
                    (slice(None),) * axis
                    + (slice(chance.randint(0, 1), None, chance.randint(1, 2)),)
                ]
        size = (tuple(view.shape), view.stride(), str(view.dtype))
        yield f"{number} {size}", kernel_sums(view, 16, chance.randint(1, 5)), defined(view)


def launches() -> Iterator[tuple[str, Any, Any]]:
    """Yield the same tensors under many shapes of launch."""
    cases = walks()
    for name in ("large", "unaligned", "channels last", "odd rows"):
        for block, programs in itertools.product((8, 32, 256), (1, 3, 7, 40)):
            yield (
                f"{name} {block} {programs}",
                kernel_sums(cases[name], block, programs),
                defined(cases[name]),
            )


def sizes() -> Iterator[tuple[str, Any, Any]]:
    """Yield every tail and start that memory can have, around the ends of blocks and sweeps."""
    base = tensor_of(torch.uint8, (600,), 9)
    for start, count in itertools.product(
        (0, 1, 2, 4, 8), (*range(1, 18), 127, 128, 129, 255, 256, 257, 300)
    ):
        view = base[start : start + count]
        yield f"{count} bytes from {start}", kernel_sums(view, 16, 2), defined(view)


def wide() -> Iterator[tuple[str, Any, Any]]:
    """Yield what needs 64 bits: offsets past 2^31 in memory that is mostly untouched, and wide
    indices."""
    far = torch.frombuffer(
        mmap.mmap(-1, (1 << 31) + (1 << 12)), dtype=torch.uint8
    )  # only what is touched takes memory
    far[-4096:] = tensor_of(torch.uint8, (4096,), 2)
    for name, view in {
        "rows": torch.as_strided(far, (2, 3, 8), (1 << 31, 1024, 1)),
        "straddling": torch.as_strided(far, (2, 3, 5), (1 << 31, 1024, 1)),
        "transposed": torch.as_strided(far, (16, 2), (3, 1 << 31)),
        "contiguous": far[-3000:],
    }.items():
        yield f"offset, {name}", kernel_sums(view), defined(view)
    for name in ("odd rows", "channels last", "eight dimensions"):
        view = walks()[name]
        if (
            layout := layout_of(view.shape, view.stride(), view.element_size())
        ) and layout.walk is not Walk.CONTIGUOUS:
            yield f"index, {name}", kernel_sums(view, index=tl.uint64), defined(view)


SUITES = {
    "dtypes": dtypes,
    "random layouts": random_layouts,
    "launches": launches,
    "sizes": sizes,
    "wide": wide,
    "walks": lambda: ((name, kernel_sums(view), defined(view)) for name, view in walks().items()),
    "golden": lambda: (
        (name, kernel_sums(view, 256, 8), defined(view)) for name, view in golden_tensors().items()
    ),
}


def main() -> None:
    warnings.simplefilter("error")
    print(json.dumps(list(SUITES[sys.argv[1]]())))


if __name__ == "__main__":
    main()
