"""Where the host waits once the repair is installed."""

from __future__ import annotations

import threading

import pytest
import torch

from reproaudit.record.repairs import device_modes, serial_streams
from reproaudit.record.state import rng
from tests.record.repairs.running import reach_here


def test_threads_of_the_program_wait_after_each_operator_until_the_repair_is_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = torch.device("cuda", 1)
    waited: list[torch.device] = []
    monkeypatch.setattr(device_modes, "find_devices", lambda value: iter([device]))
    monkeypatch.setattr(device_modes, "is_initialized", lambda: True)
    monkeypatch.setattr(device_modes, "synchronize", waited.append)
    monkeypatch.setattr(rng, "is_capturing", lambda: False)

    x = torch.arange(4.0)
    with reach_here() as reach:
        serial_streams.install(reach)
        thread = threading.Thread(target=lambda: x.add_(1))
        thread.start()
        thread.join()
        assert waited == [device]
        x.add_(1)
        assert waited == [device, device]
    x.add_(1)
    assert waited == [device, device]
