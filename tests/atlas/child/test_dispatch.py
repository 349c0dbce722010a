"""Which operators a call dispatches."""

from __future__ import annotations

import torch

from reproaudit.atlas.child.dispatch import list_dispatched_ops


def test_the_operators_of_a_call_are_listed_in_their_order() -> None:
    x = torch.ones(3)
    ops = list_dispatched_ops(lambda: torch.exp(x + x))
    assert [str(op) for op in ops] == ["aten.add.Tensor", "aten.exp.default"]


def test_nothing_is_heard_after_the_call() -> None:
    x = torch.ones(3)
    ops = list_dispatched_ops(x.neg)
    x.exp()
    assert [str(op) for op in ops] == ["aten.neg.default"]
