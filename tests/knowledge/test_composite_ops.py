"""Operators that torch.inference_mode hands on whole."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from reproaudit.knowledge.composite_ops import explain_composite

ROWS, SQUARE = torch.ones(4, 8), torch.ones(8, 8)
CALLS = {
    "aten::linear": lambda: F.linear(ROWS, SQUARE, SQUARE[0]),
    "aten::matmul": lambda: ROWS @ SQUARE,
    "aten::layer_norm": lambda: F.layer_norm(ROWS, (8,)),
    "aten::softmax.int": lambda: ROWS.softmax(-1),
    "aten::conv1d": lambda: F.conv1d(ROWS[None], torch.ones(3, 4, 3)),
}


class Seen(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.names.append(func.name())
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("op", CALLS)
def test_inference_mode_alone_hands_it_on_and_what_is_inside_is_named(op: str) -> None:
    with torch.inference_mode(), Seen() as whole:
        CALLS[op]()
    with torch.no_grad(), Seen() as parts:
        CALLS[op]()
    assert op in whole.names
    assert op not in parts.names
    assert any(name in explain_composite(op) for name in parts.names)


def test_of_an_operator_that_computes_itself_nothing_is_said() -> None:
    assert explain_composite("aten::addmm") == ""
    assert explain_composite("mylib::linear") == ""
