"""TorchScript is recorded by what goes in and comes out; tracing for it works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from reproaudit.model.events import Phase, Unchecked
from tests.record.recording import operations, record

pytestmark = [
    pytest.mark.seeded,
    pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:DeprecationWarning"),
]


def _square(inputs: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    product = torch.relu(inputs @ weight)
    return (product * 2 + 1).tanh().sum()


def test_each_call_of_a_scripted_function_is_one_operator_whatever_its_executor_does(
    tmp_path: Path,
) -> None:
    scripted: Any = torch.jit.script(_square)

    def program() -> list[float]:
        weight = torch.ones(4, 4, requires_grad=True)
        losses = []
        for _ in range(4):
            weight.grad = None
            loss = scripted(torch.ones(3, 4), weight)
            loss.backward()
            losses.append(loss.item())
        return losses

    traces = [record(tmp_path, program)[0] for _ in range(2)]
    found = [[op.name for op in operations(trace)] for trace in traces]
    # The executor has profiled the first calls, and optimised the later ones.
    assert found[0] == found[1]
    regions = operations(traces[0], "torchscript::_square")
    assert len(regions) == 4
    assert {op.phase for op in regions} == {Phase.FORWARD}
    assert regions[0].location.path == "test_scripted.py"
    assert Unchecked.SCRIPTED_REGIONS in {note.code for note in traces[0].notes}


def test_a_module_is_traced_while_operators_are_recorded(tmp_path: Path) -> None:
    def program() -> torch.Tensor:
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Dropout())
        traced: Any = torch.jit.trace(module.eval(), torch.ones(3, 4))
        result: torch.Tensor = traced(torch.ones(3, 4))
        return result

    plain = program()
    trace, result = record(tmp_path, program)
    assert torch.equal(plain, result)
    assert len(operations(trace, "torchscript::forward")) == 1


def _scale(function: torch.Tensor) -> torch.Tensor:
    return function * 2


def test_an_argument_of_a_scripted_function_may_have_any_name(tmp_path: Path) -> None:
    scripted: Any = torch.jit.script(_scale)
    results = []

    def program() -> None:
        results.append(scripted(function=torch.ones(2)))

    record(tmp_path, program)
    assert results[0].tolist() == [2.0, 2.0]
