"""What the fixture accepts as a step."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from reproaudit.errors import UsageError
from reproaudit.pytest_plugin.checks import Checks, bind_device


def test_a_step_that_takes_a_device_gets_the_cpu_unless_another_is_named() -> None:
    def step(device: str) -> str:
        return device

    assert bind_device(step, None)() == "cpu"
    assert bind_device(step, "cuda")() == "cuda"


def test_a_step_without_arguments_is_called_as_it_is() -> None:
    def step(*batches: int, **options: int) -> str:
        return "made"

    assert bind_device(step, None) is step


@pytest.mark.parametrize(
    ("step", "device", "said"),
    [
        (7, None, "a int cannot be repeated"),
        (lambda batch, device: None, None, "needs batch"),
        (lambda: None, "cpu", "takes no argument `device`, and is to be run on 'cpu'"),
    ],
)
def test_a_step_that_cannot_be_called_alone_is_refused(
    step: Any, device: str | None, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        bind_device(step, device)


def test_devices_are_not_compared_by_a_step_that_takes_none(request: pytest.FixtureRequest) -> None:
    with pytest.raises(UsageError, match="takes no argument `device`"):
        Checks(request.node).compare_devices(lambda: None)


def test_a_gpu_that_is_not_there_is_named_before_the_step_is_called(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    called: list[str] = []

    def step(device: str) -> None:
        called.append(device)

    checks = Checks(request.node)
    for ask in (checks.assert_devices_agree, partial(checks.check, device="cuda:0")):
        with pytest.raises(UsageError, match="torch sees no device 'cuda") as caught:
            ask(step)
        assert caught.value.code == "device-absent"
    assert called == []
