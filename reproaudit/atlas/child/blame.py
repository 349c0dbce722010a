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
    """An aten operator that returned something else for the very same inputs.

    With a program that shows it.
    """

    aten: str  # "aten::index_put_.default"
    differing: int
    made: int
    program: str  # for `python -c`; "" if its arguments cannot be written down


class _Seeker(DispatchMode):  # type: ignore[misc]
    """Repeats every dispatched operator on its own inputs until it has found one that differs."""

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
        is_over = self.found is not None or time.monotonic() > self._end
        if is_over or not can_rerun(info, args, kwargs):
            return func(*args, **kwargs)
        rerun = Rerun(func, args, kwargs, info)
        result = func(*args, **kwargs)
        for repetitions in rerun.repeat_all_ways(tensors_written(info, args, kwargs, result)):
            if not repetitions.differing or repetitions.way is ReplayWay.FLAG:
                continue
            # Many threads, however it was found: what is rare with few is not with more threads
            # than cores.
            threads = around.count_crowding(self._device)
            self.found = Culprit(
                aten=info.name,
                differing=repetitions.differing,
                made=repetitions.made,
                program=write_reproducer(info, args, kwargs, func=func, threads=threads),
            )
            break
        return result


def find_culprit(cell: Cell, call: Call) -> Culprit | None:
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


def write_reproducer(info: OpInfo, args: Any, kwargs: Any, *, func: Any, threads: int) -> str:
    """Return a program of one line that repeats the operator and counts what differs.

    The inputs are seeded and of the same kind. Values are drawn anew: normal ones for floating
    point, of the same range for whole numbers. The program ends by printing "K of N differ". ""
    if an argument is nothing that can be written in Python.
    """
    writer = _ArgumentWriter()
    try:
        given = [
            writer.write(value, is_copied=position in info.mutated)
            for position, value in enumerate(args)
        ]
        for name, value in kwargs.items():
            text = writer.write(value, is_copied=name in info.mutated_names)
            given.append(f"{name}={text}")
    except (TypeError, RuntimeError):
        return ""
    overload = str(func)  # "aten.index_put_.default"
    lines = [
        "import torch",
        "torch.manual_seed(0)",
        f"torch.set_num_threads({threads})",
        *writer.tensors,
        f"f=lambda: torch.ops.{overload}({', '.join(given)})",
        "b=lambda r: [t.cpu().contiguous().flatten().view(torch.uint8) "
        "for t in (r if isinstance(r, (list, tuple)) else [r])]",
        "first=b(f())",
        f"n=sum(not all(map(torch.equal, first, b(f()))) for _ in range({_TRIES}))",
        f'print(n, "of {_TRIES} differ")',
    ]
    return "; ".join(lines)


class _ArgumentWriter:
    """Writes arguments as Python. `tensors` are the statements that make the tensors by name."""

    def __init__(self) -> None:
        self.tensors: list[str] = []
        self._names: dict[int, str] = {}  # by id: one tensor may be several arguments

    def write(self, value: Any, *, is_copied: bool) -> str:
        """Return the argument as an expression; a tensor that the operator changes as a copy.

        Raises TypeError for what cannot be written.
        """
        if isinstance(value, torch.Tensor):
            name = self._name_tensor(value)
            return f"{name}.clone()" if is_copied else name
        if isinstance(value, (list, tuple)):
            items = [self.write(item, is_copied=is_copied) for item in value]
            return f"[{', '.join(items)}]"
        if isinstance(value, float) and not math.isfinite(value):
            return f"float({str(value)!r})"
        if value is None or isinstance(value, (bool, int, float, complex, str)):
            return repr(value)
        if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
            return str(value)
        if isinstance(value, torch.device):
            return repr(str(value))
        raise TypeError(f"{type(value).__name__} cannot be written")

    def _name_tensor(self, tensor: torch.Tensor) -> str:
        if id(tensor) not in self._names:
            name = f"t{len(self._names)}"
            self._names[id(tensor)] = name
            self.tensors.append(f"{name}={_write_tensor(tensor)}")
        return self._names[id(tensor)]


def _write_tensor(tensor: torch.Tensor) -> str:
    shape = tuple(tensor.shape)
    if tensor.is_contiguous():
        return _write_values(tensor, shape)
    stride = tensor.stride()
    span = 0  # elements from the first to the last
    if tensor.numel():
        span = 1 + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    return f"{_write_values(tensor, (span,))}.as_strided({shape}, {stride})"


def _write_values(tensor: torch.Tensor, shape: tuple[int, ...]) -> str:
    plain = tensor.detach()
    device = "" if plain.device.type == "cpu" else f", device={plain.device.type!r}"
    if plain.dtype is torch.bool:
        return f"torch.randint(0, 2, {shape}{device}).bool()"
    if not plain.is_floating_point() and not plain.is_complex():
        low, high = (int(plain.min()), int(plain.max())) if plain.numel() else (0, 0)
        return f"torch.randint({low}, {high + 1}, {shape}, dtype={plain.dtype}{device})"
    if plain.dtype in (torch.float32, torch.float64, torch.complex64, torch.complex128):
        return f"torch.randn({shape}, dtype={plain.dtype}{device})"
    return f"torch.randn({shape}{device}).to({plain.dtype})"
