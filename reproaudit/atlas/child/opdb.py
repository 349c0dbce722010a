"""PyTorch's own table of operators with sample inputs, and the cells it makes for a request."""

from __future__ import annotations

import importlib.util
import itertools
import re
import sys
import types
import unittest
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from reproaudit.atlas.cells import Cell, Request
from reproaudit.atlas.child.surroundings import fill_memory, seed_everything
from reproaudit.record import torch_private

_MOST_SAMPLES = 300  # that are made, of which a few are run; some ops have thousands
_FIRST_DTYPE_WEIGHT = 3  # the first wanted dtype gets more of an op's time than the others


def load_op_db() -> list[Any]:
    """Return `op_db`.

    Its module asks for expecttest, of which it needs no more than two names to be imported.
    """
    if importlib.util.find_spec("expecttest") is None:
        stand_in = types.ModuleType("expecttest")
        vars(stand_in).update(TestCase=unittest.TestCase, ACCEPT=False)
        sys.modules["expecttest"] = stand_in
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch_private.load_op_db()


def name_of(op: Any) -> str:
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else str(op.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The cells that share samples: one op, dtype and size.

    `weight` is its share of the op's time.
    """

    op: Any
    name: str
    dtype: torch.dtype
    size: str
    cells: tuple[Cell, ...]
    weight: int

    @property
    def is_differentiable(self) -> bool:
        return any(cell.phase == "backward" for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Call:
    """One sample of an op.

    `operands` are the first argument, the other positional ones, and those by name. `roots` picks
    from the result what is differentiable. `label` says how the sample was enlarged.
    """

    function: Any
    operands: tuple[Any, ...]
    roots: Any
    sample: int
    label: str = ""

    def run(self, operands: tuple[Any, ...]) -> Any:
        first, args, kwargs = operands
        return self.function(first, *args, **kwargs)


def choose_ops(request: Request) -> list[Any]:
    """Return the ops of op_db that the request names."""
    pattern = re.compile(request.only)
    matching = [op for op in load_op_db() if pattern.search(name_of(op))]
    return matching[: request.limit]


def make_groups(op: Any, request: Request) -> list[Group]:
    """Return the groups of one op; none if it supports no wanted dtype on the device."""
    supported = op.supported_dtypes(request.device)
    asked = [getattr(torch, name) for name in request.dtypes]
    dtypes = [dtype for dtype in asked if dtype in supported]
    with_gradient = op.supported_backward_dtypes(request.device) if op.supports_autograd else ()
    groups = []
    for dtype, size in itertools.product(dtypes, request.sizes):
        phases = ("forward", "backward") if dtype in with_gradient else ("forward",)
        groups.append(
            Group(
                op=op,
                name=name_of(op),
                dtype=dtype,
                size=size,
                cells=_make_cells(request, name_of(op), dtype, size=size, phases=phases),
                weight=_FIRST_DTYPE_WEIGHT if dtype == dtypes[0] else 1,
            )
        )
    return groups


def _make_cells(
    request: Request, name: str, dtype: torch.dtype, *, size: str, phases: tuple[str, ...]
) -> tuple[Cell, ...]:
    # Most threads first: there most differences show, and time may run out.
    counts = sorted(request.threads, reverse=True)
    return tuple(
        Cell(
            device=request.device,
            op=name,
            dtype=str(dtype).removeprefix("torch."),
            size=size,
            threads=count,
            phase=phase,
        )
        for count, phase in itertools.product(counts, phases)
    )


def make_samples(group: Group, device: str) -> list[Call]:
    """Return the samples that op_db has for the group, always the same ones.

    Any first few of them are spread over all that op_db has.
    """
    seed_everything()
    fill_memory(device, 0)
    made = group.op.sample_inputs(device, group.dtype, requires_grad=group.is_differentiable)
    function = group.op.get_op()
    calls = []
    for number, sample in enumerate(itertools.islice(made, _MOST_SAMPLES)):
        operands = (sample.input, tuple(sample.args), dict(sample.kwargs))
        calls.append(Call(function, operands, sample.output_process_fn_grad, number))
    return [calls[position] for position in spread_positions(len(calls))]


def spread_positions(count: int) -> Iterator[int]:
    """Yield 0 … count-1 so that any first few are spread over the whole.

    Neighbouring samples differ in one argument only.
    """
    seen = set()
    step = count
    while step >= 1:
        for position in range(0, count, step):
            if position not in seen:
                seen.add(position)
                yield position
        step = step // 2
