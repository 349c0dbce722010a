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
_LITERALS = (bool, int, float, complex, str)
_NAMED_BY_TORCH = (torch.dtype, torch.layout, torch.memory_format)
_DRAWN_DTYPES = (torch.float32, torch.float64, torch.complex64, torch.complex128)


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
        if self._is_over() or not can_rerun(info, args, kwargs):
            return func(*args, **kwargs)
        rerun = Rerun(func, args, kwargs, info)
        result = func(*args, **kwargs)
        written = tensors_written(info, args, kwargs, result)
        for repetitions in rerun.repeat_all_ways(written):
            if not repetitions.differing:
                continue
            if repetitions.way is ReplayWay.FLAG:
                # Another kernel may run under the flag: it proves nothing about this one.
                continue
            # Many threads, however it was found: what is rare with few is not with more threads
            # than cores.
            threads = around.count_crowding(self._device)
            program = write_reproducer(info, args, kwargs, func=func, threads=threads)
            self.found = Culprit(
                aten=info.name,
                differing=repetitions.differing,
                made=repetitions.made,
                program=program,
            )
            break
        return result

    def _is_over(self) -> bool:
        if self.found is not None:
            return True
        return time.monotonic() > self._end


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
    given = []
    try:
        for position, value in enumerate(args):
            text = writer.write(value, is_copied=position in info.mutated)
            given.append(text)
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
            if is_copied:
                return f"{name}.clone()"
            return name
        if isinstance(value, (list, tuple)):
            items = [self.write(item, is_copied=is_copied) for item in value]
            return f"[{', '.join(items)}]"
        if isinstance(value, float) and not math.isfinite(value):
            # `inf` and `nan` are no names in Python.
            return f"float({str(value)!r})"
        if value is None or isinstance(value, _LITERALS):
            return repr(value)
        if isinstance(value, _NAMED_BY_TORCH):
            return str(value)
        if isinstance(value, torch.device):
            return repr(str(value))
        raise TypeError(f"{type(value).__name__} cannot be written")

    def _name_tensor(self, tensor: torch.Tensor) -> str:
        known = self._names.get(id(tensor))
        if known is not None:
            return known
        name = f"t{len(self._names)}"
        self._names[id(tensor)] = name
        made = _write_tensor(tensor)
        self.tensors.append(f"{name}={made}")
        return name


def _write_tensor(tensor: torch.Tensor) -> str:
    """Return an expression that makes a tensor of the same shape, strides and kind of values."""
    shape = tuple(tensor.shape)
    if tensor.is_contiguous():
        return _write_values(tensor, shape)
    stride = tensor.stride()
    values = _write_values(tensor, (_measure_span(tensor),))
    return f"{values}.as_strided({shape}, {stride})"


def _measure_span(tensor: torch.Tensor) -> int:
    """Return the number of elements from the first to the last in memory, both counted."""
    if not tensor.numel():
        return 0
    last = 0
    for size, step in zip(tensor.shape, tensor.stride(), strict=True):
        last += (size - 1) * step
    return last + 1


def _write_values(tensor: torch.Tensor, shape: tuple[int, ...]) -> str:
    """Return an expression that draws values of the kind that the tensor holds, in this shape."""
    plain = tensor.detach()
    dtype = plain.dtype
    device = ""
    if plain.device.type != "cpu":
        device = f", device={plain.device.type!r}"
    if dtype is torch.bool:
        return f"torch.randint(0, 2, {shape}{device}).bool()"
    if dtype in _DRAWN_DTYPES:
        return f"torch.randn({shape}, dtype={dtype}{device})"
    if dtype.is_floating_point or dtype.is_complex:
        # `randn` does not draw all of the small ones, such as float8.
        return f"torch.randn({shape}{device}).to({dtype})"
    low, high = _find_range(plain)
    return f"torch.randint({low}, {high + 1}, {shape}, dtype={dtype}{device})"


def _find_range(tensor: torch.Tensor) -> tuple[int, int]:
    """Return the least and the greatest value: indices must stay within what they point into."""
    if not tensor.numel():
        return (0, 0)
    low = int(tensor.min())
    high = int(tensor.max())
    return (low, high)
