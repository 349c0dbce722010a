"""Training on a batch in parts: what gradients come to, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.modules import module as _modules

from reproaudit.errors import UsageError
from reproaudit.record.process.batches import gather_given
from reproaudit.record.process.parts import Training


def train(target: Any, parts: int, rows: int = 6) -> dict[str, Any]:
    given = gather_given((torch.arange(float(rows)).reshape(rows, 1),), {})
    return Training(target, given, parts, None).train()


def make_mean() -> tuple[torch.nn.Parameter, Any]:
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    return weight, lambda rows: (rows * weight).mean()


@pytest.mark.parametrize("parts", [1, 2, 4, 6])
def test_each_part_of_a_mean_counts_by_its_share_of_the_rows(parts: int) -> None:
    _, mean = make_mean()
    found = train(mean, parts)
    assert found["loss"].item() == pytest.approx(5.0)
    assert found["gradient"]["leaf[0]"].item() == pytest.approx(2.5)


def test_gradients_from_before_are_not_counted() -> None:
    weight, mean = make_mean()
    weight.grad = torch.tensor([100.0])
    assert train(mean, 2)["gradient"]["leaf[0]"].item() == pytest.approx(2.5)


@pytest.mark.seeded
def test_a_module_gives_its_parameters_their_names_and_keeps_no_hook() -> None:
    module = torch.nn.Linear(1, 1)
    found = train(lambda rows: {"loss": module(rows).square().mean()}, 2)
    assert set(found["gradient"]) == {"weight", "bias"}
    assert not _modules._global_forward_pre_hooks


def step_without_gradient(rows: torch.Tensor) -> torch.Tensor:
    return rows.mean()


def step_that_goes_back() -> Any:
    _, mean = make_mean()

    def step(rows: torch.Tensor) -> torch.Tensor:
        loss = (mean(rows)) ** 2
        loss.backward()
        return loss

    return step


def step_that_writes() -> Any:
    weight, mean = make_mean()

    def step(rows: torch.Tensor) -> torch.Tensor:
        loss = mean(rows)
        with torch.no_grad():
            weight.add_(1.0)
        return loss

    return step


@pytest.mark.parametrize(
    ("target", "parts", "said"),
    [
        (step_without_gradient, 1, "returns no loss"),
        (step_that_goes_back(), 1, "makes a backward pass itself"),
        (step_that_writes(), 2, "changes its parameters itself"),
        (make_mean()[1], 7, "a batch of 6 rows has no 7 parts"),
    ],
)
def test_what_is_no_step_on_a_batch_is_refused(target: Any, parts: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        train(target, parts)
