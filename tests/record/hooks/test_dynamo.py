"""Modes of ours change nothing of how a program is compiled."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from reproaudit.record.hooks.dynamo import GuestMode


class Counting(GuestMode):
    def __init__(self) -> None:
        super().__init__()
        self.ops: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.ops.append(func.name())
        return func(*args, **(kwargs or {}))


@pytest.mark.slow  # loading the compiler takes seconds
def test_a_function_is_still_compiled_under_a_mode_of_ours() -> None:
    graphs: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    def add_one(x: torch.Tensor) -> torch.Tensor:
        return x + 1

    torch.compiler.reset()
    try:
        compiled = torch.compile(add_one, backend=backend)
        with Counting() as mode:
            result = compiled(torch.ones(2))
    finally:
        torch.compiler.reset()
    assert result.tolist() == [2.0, 2.0]
    assert len(graphs) == 1
    assert "aten::add.Tensor" in mode.ops
