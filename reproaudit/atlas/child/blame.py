"""Which aten operator differs inside of a call, and a line that shows it with torch alone."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass
from typing import Any

import torch

from reproaudit.atlas.cells import Cell
from reproaudit.atlas.child import surroundings as around
from reproaudit.atlas.child.opdb import Call
from reproaudit.atlas.child.repeatable import RepeatableCall
from reproaudit.record.operation.operands import tensors_written
from reproaudit.record.operation.opinfo import OpInfo, OpTable
from reproaudit.record.operation.replay import Rerun, can_rerun
from reproaudit.record.torch_private import DispatchMode
from reproaudit.trace.words import ReplayWay

_MOST_S = 8.0
_TRIES = 50


@dataclass(frozen=True, slots=True)
class Culprit:
    """An aten operator that returned something else for the very same inputs, and a program that
    shows it."""

    aten: str  # "aten::index_put_.default"
    differing: int
    made: int
    program: str  # for `python -c`; "" if its arguments cannot be written down


class _Seeker(DispatchMode):  # type: ignore[misc]
    """Repeats every operator that is dispatched, on its own inputs, until it has found one that
    differs."""

    supports_higher_order_operators = True

    def __init__(self, device: str) -> None:
        super().__init__()
        self.found: Culprit | None = None
        self._device = device
        self._table = OpTable()
        self._end = time.monotonic() + _MOST_S

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        info = self._table[func]
        if (
            self.found is not None
            or time.monotonic() > self._end
            or not can_rerun(info, args, kwargs)
        ):
            return func(*args, **kwargs)
        rerun = Rerun(func, args, kwargs, info)
        result = func(*args, **kwargs)
        for repetitions in rerun.repeat_all_ways(tensors_written(info, args, kwargs, result)):
            if repetitions.differing and repetitions.way is not ReplayWay.FLAG:
                # Many threads, however it was found: what is rare with few is not with more threads
                # than cores.
                program = reproducer(func, info, args, kwargs, around.crowded(self._device))
                self.found = Culprit(info.name, repetitions.differing, repetitions.made, program)
                break
        return result


def blame(cell: Cell, call: Call) -> Culprit | None:
    """Return the first operator inside of the call that differs by itself; None if none does."""
    repeatable = RepeatableCall(cell, call)
    with around.threads(cell.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not repeatable.prepare():
            return None
        seeker = _Seeker(cell.device)
        with seeker:
            repeatable.run()
        return seeker.found


# -- a line with torch alone
# -----------------------------------------------------------------------------------------


def reproducer(func: Any, info: OpInfo, args: Any, kwargs: Any, threads: int) -> str:
    """Return a program of one line that repeats the operator on seeded inputs of the same kind and
    counts what differs.

    Values are drawn anew: normal ones for floating point, of the same range for whole numbers. It
    ends by printing "K of N differ". "" if an argument is nothing that can be written in Python.
    """
    made: list[str] = []
    names: dict[int, str] = {}

    def written(value: Any, copied: bool = False) -> str:
        if isinstance(value, torch.Tensor):
            if id(value) not in names:
                names[id(value)] = f"t{len(names)}"
                made.append(f"{names[id(value)]}={_tensor(value)}")
            return names[id(value)] + (".clone()" if copied else "")
        if isinstance(value, (list, tuple)):
            return f"[{', '.join(written(item, copied) for item in value)}]"
        if isinstance(value, float) and not math.isfinite(value):
            return f"float({str(value)!r})"
        if value is None or isinstance(value, (bool, int, float, complex, str)):
            return repr(value)
        if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
            return str(value)
        if isinstance(value, torch.device):
            return repr(str(value))
        raise TypeError(f"{type(value).__name__} cannot be written")

    try:
        given = [written(value, position in info.mutated) for position, value in enumerate(args)]
        given += [
            f"{name}={written(value, name in info.mutated_names)}" for name, value in kwargs.items()
        ]
    except (TypeError, RuntimeError):
        return ""
    overload = str(func)  # "aten.index_put_.default"
    lines = [
        "import torch",
        "torch.manual_seed(0)",
        f"torch.set_num_threads({threads})",
        *made,
        f"f=lambda: torch.ops.{overload}({', '.join(given)})",
        "b=lambda r: [t.cpu().contiguous().flatten().view(torch.uint8) for t in (r if isinstance(r, (list, tuple)) "
        "else [r])]",
        "first=b(f())",
        f"n=sum(not all(map(torch.equal, first, b(f()))) for _ in range({_TRIES}))",
        f'print(n, "of {_TRIES} differ")',
    ]
    return "; ".join(lines)


def _tensor(tensor: torch.Tensor) -> str:
    shape, stride = tuple(tensor.shape), tensor.stride()
    contiguous = tensor.is_contiguous()
    span = (
        1 + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
        if tensor.numel()
        else 0
    )
    text = _values(tensor, shape if contiguous else (span,))
    return text if contiguous else f"{text}.as_strided({shape}, {stride})"


def _values(tensor: torch.Tensor, shape: tuple[int, ...]) -> str:
    plain = tensor.detach()
    device = "" if plain.device.type == "cpu" else f", device={plain.device.type!r}"
    if plain.dtype is torch.bool:
        return f"torch.randint(0, 2, {shape}{device}).bool()"
    if not plain.is_floating_point() and not plain.is_complex():
        low, high = (int(plain.min()), int(plain.max())) if plain.numel() else (0, 0)
        return f"torch.randint({low}, {high + 1}, {shape}, dtype={plain.dtype}{device})"
    wide = plain.dtype in (torch.float32, torch.float64, torch.complex64, torch.complex128)
    if wide:
        return f"torch.randn({shape}, dtype={plain.dtype}{device})"
    return f"torch.randn({shape}{device}).to({plain.dtype})"
