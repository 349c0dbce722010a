"""PyTorch's own table of operators with sample inputs, and the cells that it makes for a request."""

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


def load_op_db() -> list[Any]:
    """Return `op_db`. Its module asks for expecttest, of which no more than two names are needed to
    import it."""
    if importlib.util.find_spec("expecttest") is None:
        stand_in = types.ModuleType("expecttest")
        vars(stand_in).update(TestCase=unittest.TestCase, ACCEPT=False)
        sys.modules["expecttest"] = stand_in
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch_private.load_op_db()


def name_of(op: Any) -> str:
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else str(op.name)


@dataclass(frozen=True, slots=True)
class Group:
    """The cells that share samples: one op, dtype and size. `weight` is its share of the op's time."""

    op: Any
    name: str
    dtype: torch.dtype
    size: str
    cells: tuple[Cell, ...]
    weight: int

    @property
    def differentiable(self) -> bool:
        return any(cell.phase == "backward" for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Call:
    """One sample of an op. `roots` picks from the result what is differentiable. `label` tells how
    it was enlarged."""

    function: Any
    operands: tuple[Any, ...]
    roots: Any
    sample: int
    label: str = ""

    def run(self, operands: tuple[Any, ...]) -> Any:
        first, args, kwargs = operands
        return self.function(first, *args, **kwargs)


def chosen_ops(request: Request) -> list[Any]:
    pattern = re.compile(request.only)
    return [op for op in load_op_db() if pattern.search(name_of(op))][: request.limit]


def groups_of(op: Any, request: Request) -> list[Group]:
    """Return the groups of one op; none if it supports no wanted dtype on the device."""
    supported = op.supported_dtypes(request.device)
    wanted = [dtype for name in request.dtypes if (dtype := getattr(torch, name)) in supported]
    with_gradient = op.supported_backward_dtypes(request.device) if op.supports_autograd else ()
    name = name_of(op)
    found = []
    for position, (dtype, size) in enumerate(itertools.product(wanted, request.sizes)):
        phases = ("forward", "backward") if dtype in with_gradient else ("forward",)
        cells = tuple(
            Cell(request.device, name, str(dtype)[6:], size, count, phase)
            for count, phase in itertools.product(sorted(request.threads, reverse=True), phases)
        )
        found.append(Group(op, name, dtype, size, cells, 3 if position < len(request.sizes) else 1))
    return found


def samples_of(group: Group, device: str) -> list[Call]:
    """Return the samples that op_db has for the group, always the same, those first that are least
    alike in number."""
    seed_everything()
    fill_memory(device, 0)
    made = group.op.sample_inputs(device, group.dtype, requires_grad=group.differentiable)
    function = group.op.get_op()
    calls = [
        Call(
            function,
            (sample.input, tuple(sample.args), dict(sample.kwargs)),
            sample.output_process_fn_grad,
            number,
        )
        for number, sample in enumerate(itertools.islice(made, _MOST_SAMPLES))
    ]
    return [calls[position] for position in _spread(len(calls))]


def _spread(count: int) -> Iterator[int]:
    """Yield 0 … count-1 so that any first few are spread over the whole: neighbours differ in one
    argument only."""
    seen = set()
    step = count
    while step >= 1:
        for position in range(0, count, step):
            if position not in seen:
                seen.add(position)
                yield position
        step = step // 2
