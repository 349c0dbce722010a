"""What is in force once the repair is installed, with the CPU in the place of the GPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from reproaudit.record.repairs import cpu_kernels, cpu_mode
from tests.record.repairs.running import reach_here


@pytest.fixture(autouse=True)
def _flag() -> Iterator[None]:
    yield
    torch.use_deterministic_algorithms(False)


def test_the_flag_is_held_and_what_refuses_it_is_computed_on_copies_until_it_is_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    devices: list[torch.device] = []

    class Counting(cpu_mode.RefusedOnCpu):
        def __init__(self) -> None:
            super().__init__(moves=lambda tensor: True)

        def run_on_cpu(
            self, func: object, args: object, kwargs: object, device: torch.device
        ) -> object:
            devices.append(device)
            return super().run_on_cpu(func, args, kwargs, device)

    monkeypatch.setattr(cpu_mode, "RefusedOnCpu", Counting)
    x, index, values = torch.zeros(3), torch.tensor([1]), torch.tensor([2.0])
    with reach_here() as reach:
        cpu_kernels.install(reach)
        torch.use_deterministic_algorithms(False)
        assert torch.are_deterministic_algorithms_enabled()
        x.put_(index, values)
        assert devices == [torch.device("cpu")]
        assert x.tolist() == [0.0, 2.0, 0.0]
    torch.use_deterministic_algorithms(False)
    assert not torch.are_deterministic_algorithms_enabled()
    x.put_(index, values)
    assert len(devices) == 1
