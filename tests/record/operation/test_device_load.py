"""What keeps a GPU busy beside an op that is repeated. The GPU's own tests are marked."""

from __future__ import annotations

import pytest
import torch

from reproaudit.record.operation.device_load import DeviceLoad, launches_for


@pytest.mark.parametrize(
    ("op_ms", "each_ms", "launches"),
    [(0.001, 0.05, 8), (1.0, 0.05, 40), (1000.0, 0.05, 400), (5.0, 0.1, 100)],
)
def test_the_load_outlasts_the_op_within_limits(
    op_ms: float, each_ms: float, launches: int
) -> None:
    assert launches_for(op_ms, each_ms) == launches


@pytest.mark.gpu
def test_the_load_leaves_the_stream_the_device_the_random_state_and_the_memory_as_they_were() -> (
    None
):
    x = torch.ones(1 << 20, device="cuda")
    state, stream = torch.cuda.get_rng_state(), torch.cuda.current_stream()
    before = torch.cuda.memory_allocated()
    with DeviceLoad(x.device) as load:
        load.last(1.0)
        load.queue()
        x.add_(1)
        assert torch.cuda.current_stream() == stream
    torch.cuda.synchronize()
    assert torch.cuda.memory_allocated() == before
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert bool((x == 2).all())


@pytest.mark.gpu
def test_a_kernel_beside_the_load_runs_before_the_queue_is_done() -> None:
    """Otherwise the load would not be beside it. The op's event is reached while the load still has
    work."""
    x = torch.ones(64, device="cuda")
    with DeviceLoad(x.device) as load:
        load.last(20.0)
        x.add_(1)
        torch.cuda.synchronize()
        load.queue()
        x.add_(1)
        torch.cuda.current_stream().synchronize()
        assert not load.stream.query()
