"""Which operators before the first step are told as initialisation, and which as data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from reproaudit.model.events import EventFlag, Phase
from tests.record.recording import operations, record

pytestmark = pytest.mark.seeded


def train(model: nn.Module, data: torch.Tensor, target: torch.Tensor) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for start in range(0, len(data), 2):
        loss = (model(data[start : start + 2]) - target[start : start + 2]).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def stages(folder: Path, program: Callable[[], object]) -> dict[str, set[Phase]]:
    """Return the phases for people of each random operator of a program."""
    trace, _ = record(folder, program)
    found: dict[str, set[Phase]] = {}
    for op in operations(trace):
        if op.flags & EventFlag.RANDOM:
            name = op.name.removeprefix("aten::").partition(".")[0]
            found.setdefault(name, set()).add(op.stage)
    return found


def test_weights_are_initialised_and_what_a_module_is_given_is_data(tmp_path: Path) -> None:
    def program() -> None:
        data = torch.randn(4, 3)
        train(nn.Linear(3, 1), data, data[:, :1].sin())

    assert stages(tmp_path, program) == {
        "randn": {Phase.DATA},
        "uniform_": {Phase.INITIALISATION},
    }


@pytest.mark.parametrize(
    "initialise",
    [
        lambda layer: layer.weight.data.normal_(),
        lambda layer: nn.init.normal_(layer.weight),
        lambda layer: nn.init.normal_(layer.weight[:1].detach()),
        lambda layer: setattr(layer, "weight", nn.Parameter(torch.empty(1, 3).normal_() * 0.1)),
        lambda layer: layer.register_buffer("shift", torch.empty(1).normal_()),
    ],
)
def test_each_way_to_fill_a_parameter_or_a_buffer_is_initialisation(
    tmp_path: Path, initialise: Callable[[nn.Module], object]
) -> None:
    def program() -> None:
        layer = nn.Linear(3, 1)
        initialise(layer)
        train(layer, torch.randn(4, 3), torch.ones(4, 1))

    assert stages(tmp_path, program)["normal_"] == {Phase.INITIALISATION}


def test_data_from_which_weights_are_initialised_stays_data(tmp_path: Path) -> None:
    def program() -> None:
        layer = nn.Linear(3, 1)
        data = torch.randn(4, 3)
        with torch.no_grad():
            layer.bias.copy_(data.mean())
        train(layer, data, torch.ones(4, 1))

    assert stages(tmp_path, program)["randn"] == {Phase.DATA}


def test_a_weight_without_a_module_is_initialised(tmp_path: Path) -> None:
    def program() -> None:
        weight = torch.randn(3, requires_grad=True)
        (weight * torch.rand(3)).sum().backward()

    assert stages(tmp_path, program) == {
        "randn": {Phase.INITIALISATION},
        "rand": {Phase.DATA},
    }


def test_what_is_drawn_once_training_goes_on_is_no_initialisation(tmp_path: Path) -> None:
    def program() -> None:
        layer = nn.Linear(3, 1)
        train(layer, torch.ones(2, 3), torch.ones(2, 1))
        layer.weight.data.normal_()
        train(layer, torch.ones(2, 3), torch.ones(2, 1))

    assert stages(tmp_path, program)["normal_"] == {Phase.DATA}


def test_a_lazy_module_is_followed_as_far_as_it_exists(tmp_path: Path) -> None:
    def program() -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 3), nn.LazyLinear(1))
        model(torch.ones(1, 3)).sum().backward()

    assert Phase.INITIALISATION in stages(tmp_path, program)["uniform_"]


def test_weights_whose_module_feeds_another_one_are_initialised(tmp_path: Path) -> None:
    def program() -> None:
        torch.manual_seed(0)
        first, second = nn.Linear(3, 3), nn.Linear(3, 1)
        second(first(torch.ones(1, 3)).relu()).sum().backward()

    assert stages(tmp_path, program)["uniform_"] == {Phase.INITIALISATION}
