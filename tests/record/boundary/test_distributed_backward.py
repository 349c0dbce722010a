"""Backward passes of torch.distributed.autograd, in a group of one process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from reproaudit.model.events import EventKind, Level
from tests.record.recording import names, record

rpc = pytest.importorskip("torch.distributed.rpc")
autograd = pytest.importorskip("torch.distributed.autograd")

pytestmark = [
    pytest.mark.seeded,
    pytest.mark.skipif(not rpc.is_available(), reason="torch without RPC"),
    # PyTorch warns of its own call.
    pytest.mark.filterwarnings("ignore:You are using a Backend:UserWarning"),
]


@pytest.fixture
def lone_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TP_SOCKET_IFNAME", "lo")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    options = rpc.TensorPipeRpcBackendOptions(init_method=(tmp_path / "store").as_uri())
    rpc.init_rpc("alone", rank=0, world_size=1, rpc_backend_options=options)
    yield
    rpc.shutdown()


@pytest.mark.usefixtures("lone_worker")
def test_each_backward_pass_in_a_context_is_a_step_with_its_loss_and_gradients(
    tmp_path: Path,
) -> None:
    layer = torch.nn.Linear(2, 1)

    def program() -> None:
        for _ in range(3):
            with autograd.context() as context:
                autograd.backward(context, [layer(torch.ones(4, 2)).sum()])

    trace, _ = record(tmp_path / "trace", program, Level.BOUNDARY)
    assert trace.header["steps"] == 3
    assert names(trace, EventKind.GRADIENT) == ["bias", "weight"] * 3
    assert names(trace, EventKind.OUTPUT).count("loss[0]") == 3
