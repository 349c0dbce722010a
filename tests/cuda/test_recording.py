"""On a GPU: recording changes nothing, waits for nothing, and finds what atomics do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from reproaudit.model.events import EventKind
from reproaudit.trace.views import NOTHING
from tests.auditing import PROGRAMS, audit, line_of_source
from tests.record.recording import differing_events, operations, record

pytestmark = pytest.mark.gpu


def train(steps: int = 2) -> list[torch.Tensor]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.Dropout(0.5), torch.nn.Linear(16, 1)
    ).cuda()
    optimizer = torch.optim.Adam(model.parameters())
    x = torch.randn(32, 8, device="cuda")
    for _ in range(steps):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return [*(p.detach().clone() for p in model.parameters()), torch.cuda.get_rng_state()]


@pytest.mark.seeded
def test_recording_changes_no_result_on_the_gpu(tmp_path: Path) -> None:
    plain = train()
    _, recorded = record(tmp_path, train)
    assert all(torch.equal(a, b) for a, b in zip(plain, recorded, strict=True))


@pytest.mark.seeded
def test_equal_programs_have_equal_device_digests(tmp_path: Path) -> None:
    first, _ = record(tmp_path, train)
    second, _ = record(tmp_path, train)
    assert any(op.outputs != NOTHING for op in operations(first))
    assert differing_events(first, second, EventKind.OP) == []


@pytest.mark.seeded
def test_recording_an_op_does_not_wait_for_the_device(tmp_path: Path) -> None:
    x = torch.randn(64, 64, device="cuda")

    def program() -> None:
        torch.cuda.set_sync_debug_mode("error")
        try:
            for _ in range(5):
                (x @ x).relu().sum(0)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    trace, _ = record(tmp_path, program)
    assert any(op.outputs != NOTHING for op in operations(trace, "aten::mm"))


@pytest.mark.seeded
def test_graph_capture_is_left_alone_and_told(tmp_path: Path) -> None:
    x = torch.ones(16, device="cuda")
    graph = torch.cuda.CUDAGraph()
    held: list[torch.Tensor] = []

    def program() -> None:
        with torch.cuda.graph(graph):
            held.append(x * 2 + 1)

    trace, _ = record(tmp_path, program)
    graph.replay()
    assert torch.equal(held[0], torch.full((16,), 3.0, device="cuda"))
    assert any("graph capture" in note.what for note in trace.notes)


@pytest.mark.seeded
def test_ops_that_the_flag_refuses_on_cuda_are_caught(tmp_path: Path) -> None:
    index = torch.zeros(8, dtype=torch.int64, device="cuda")

    def program() -> torch.Tensor:
        return (
            torch.nn.functional.interpolate(
                torch.ones(1, 1, 4, 4, device="cuda", requires_grad=True),
                scale_factor=2,
                mode="bilinear",
            ).sum()
            + torch.zeros(4, device="cuda").put_(index, torch.ones(8, device="cuda")).sum()
        )

    trace, _ = record(tmp_path, lambda: program().backward(), alerts=True, digests=False)
    refused = {alert.op.split("::")[1].split(".")[0] for alert in trace.alerts()}
    assert "upsample_bilinear2d_backward" in refused


@pytest.mark.slow
def test_a_scatter_on_the_gpu_is_found_with_its_line(tmp_path: Path) -> None:
    words = ["--runs", "5", "--no-alerts", str(PROGRAMS / "cuda_scatter.py")]
    # Fresh: each run starts the device's driver itself, as a user's does.
    code, result = audit(tmp_path, *words, is_fresh=True)
    assert (code, result["verdict"]) == (1, "not-reproducible")
    finding = result["findings"][0]
    assert finding["op"].startswith("aten::scatter_add")
    assert (finding["cause"], finding["location"]["line"]) == (
        "kernel",
        line_of_source("cuda_scatter.py"),
    )
