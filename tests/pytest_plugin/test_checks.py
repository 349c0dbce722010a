"""What the fixture accepts as a step."""

from __future__ import annotations

from typing import Any

import pytest

from reproaudit.errors import UsageError
from reproaudit.pytest_plugin.checks import bind_device


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
        (lambda: None, "cpu", "takes no argument `device`"),
    ],
)
def test_a_step_that_cannot_be_called_alone_is_refused(
    step: Any, device: str | None, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        bind_device(step, device)
