"""A call is made again on the same inputs, forward or backward."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from reproaudit.atlas.cells import Cell
from reproaudit.atlas.child.opdb import Call
from reproaudit.atlas.child.repeatable import RepeatableCall

pytestmark = pytest.mark.seeded


def make_repeatable(function: Any, operand: torch.Tensor, phase: str) -> RepeatableCall:
    cell = Cell(device="cpu", op="op", dtype="float32", size="sample", threads=1, phase=phase)
    return RepeatableCall(cell, Call(function, (operand, (), {}), lambda result: result, 0))


def test_a_call_in_place_and_with_random_numbers_repeats() -> None:
    operand = torch.zeros(5)
    repeatable = make_repeatable(lambda x: x.add_(torch.rand(5)), operand, "forward")
    assert repeatable.prepare() is True
    assert torch.equal(repeatable.run(), repeatable.run())
    assert torch.equal(operand, torch.zeros(5))
    assert repeatable.largest == 5


def test_a_backward_pass_repeats_on_one_graph() -> None:
    forward_passes = []

    def square(x: torch.Tensor) -> torch.Tensor:
        forward_passes.append(x)
        return x * x

    repeatable = make_repeatable(square, torch.arange(4.0, requires_grad=True), "backward")
    assert repeatable.prepare() is True
    (first,) = repeatable.run()
    (second,) = repeatable.run()
    assert len(forward_passes) == 1
    assert torch.equal(first, second)
    assert torch.equal(first == 0, torch.tensor([True, False, False, False]))


def test_a_call_without_a_gradient_has_no_backward_pass() -> None:
    assert make_repeatable(torch.exp, torch.ones(2), "backward").prepare() is False
