"""The modes that order what the device does, on the CPU: what they change of a call, and when they
wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from reproaudit.record.repairs import device_modes
from reproaudit.record.repairs.device_modes import BlockingCopies, SerialStreams
from reproaudit.record.state import rng


class Seen(TorchDispatchMode):
    """Notes the calls that reach it and the `non_blocking` of each that has one."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = (
            dict(zip((argument.name for argument in func._schema.arguments), args, strict=False))
            | kwargs
        )
        self.calls.append((func._schema.name, given.get("non_blocking", "absent")))
        return func(*args, **kwargs)


def copy_about() -> torch.Tensor:
    x = torch.arange(4.0)
    y = x.to(torch.float64, non_blocking=True)
    torch.empty(4).copy_(x, non_blocking=True)
    torch._foreach_copy_([torch.empty(4)], [x], non_blocking=True)
    return y + x.to(torch.float16, non_blocking=False)


def test_every_copy_is_told_to_wait_by_whatever_way_it_was_asked_not_to() -> None:
    plain, changed = Seen(), Seen()
    with plain:
        expected = copy_about()
    with changed, BlockingCopies():
        result = copy_about()
    assert [name for name, _ in changed.calls] == [name for name, _ in plain.calls]
    assert [asked for _, asked in plain.calls].count(True) == 3
    assert True not in [asked for _, asked in changed.calls]
    assert torch.equal(expected, result)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[torch.device]:
    """Every CPU tensor of two elements or more counts as one on the device; return what was waited
    for."""
    waited: list[torch.device] = []

    def devices(value: Any) -> Iterator[torch.device]:
        if isinstance(value, torch.Tensor):
            yield from [value.device] if value.numel() > 1 else []
        elif isinstance(value, (list, tuple)):
            for item in value:
                yield from devices(item)

    monkeypatch.setattr(device_modes, "find_devices", devices)
    monkeypatch.setattr(device_modes, "is_initialized", lambda: True)
    monkeypatch.setattr(rng, "is_capturing", lambda: False)
    monkeypatch.setattr(device_modes, "synchronize", waited.append)
    return waited


def test_the_host_waits_once_after_each_operator_that_touches_the_device(
    waits: list[torch.device],
) -> None:
    x, one = torch.arange(4.0), torch.ones(())
    with SerialStreams():
        x.add_(1)
        one.add_(1)
        torch._foreach_mul([x, x], 2.0)
    assert len(waits) == 2


def test_the_backward_pass_is_waited_for_too(waits: list[torch.device]) -> None:
    x = torch.arange(4.0, requires_grad=True)
    with SerialStreams():
        loss = x.sin().sum()
        forward = len(waits)
        loss.backward()
    assert len(waits) > forward


@pytest.mark.parametrize(
    ("owner", "name"), [(rng, "is_capturing"), (device_modes, "is_initialized")]
)
def test_nothing_is_waited_for_inside_a_capture_or_before_the_device_is_in_use(
    waits: list[torch.device], monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    monkeypatch.setattr(owner, name, lambda: name == "is_capturing")
    with SerialStreams():
        torch.arange(4.0).add_(1)
    assert waits == []


def test_a_cpu_tensor_is_on_no_device_to_wait_for() -> None:
    assert list(device_modes.find_devices((torch.ones(2), [torch.ones(2)], "cpu"))) == []
