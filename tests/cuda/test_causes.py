"""On a GPU: each cause is found at its line, and its repair is proven. Most programs are repeated
within this process.

Where the hardware may well give the same bits twice, only what is said of a difference is tested,
and the name says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.torch_version import TorchVersion

from reproaudit.diagnose.races import read_device_races
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.model.cause import Cause
from reproaudit.model.events import Level
from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict
from tests.auditing import PROGRAMS, audit, line_of_source
from tests.cuda.test_recording import train
from tests.in_process import audit_here
from tests.record.recording import record

pytestmark = pytest.mark.gpu

# The operator that differs, and what repairs it; "" where no setting of PyTorch does.
ATOMICS = {
    "cuda_scatter.py": ("aten::scatter_add", "kernels.deterministic"),
    "cuda_grid_sample.py": ("aten::grid_sampler_2d_backward", ""),
    "cuda_embedding_bag.py": ("aten::_embedding_bag", ""),
    "cuda_histogram.py": ("aten::bincount", ""),
    "cuda_interpolate.py": ("aten::upsample_bilinear2d_backward", "kernels.deterministic"),
}
# From this version on it has a deterministic form.
_HAS_ORDERED_CUMSUM = TorchVersion(torch.__version__) >= (2, 14, 1)
MAY_AGREE = {
    "cuda_attention.py": ("aten::_scaled_dot_product_", "sdpa.math"),
    "cuda_ctc.py": ("aten::_ctc_loss_backward", ""),
    "cuda_cumsum.py": ("aten::cumsum", "kernels.deterministic" if _HAS_ORDERED_CUMSUM else ""),
}


def check_kernel(result: AuditResult, program: str, op: str, fix: str) -> None:
    finding = result.findings[0]
    assert finding.cause is Cause.KERNEL
    assert finding.op is not None
    assert finding.op.startswith(op)
    assert finding.location is not None
    assert finding.location.line == line_of_source(program)
    assert any(note.startswith("on a GPU") for note in finding.evidence.notes)
    check_fix(finding, fix)


def check_fix(finding: Finding, fix: str) -> None:
    """Where some setting of PyTorch repairs it, the audit has proven it; where none does, none is
    claimed."""
    assert finding.fix is not None
    if fix:
        assert finding.fix.verified
        assert fix in finding.fix.settings
        assert all(name in INTERVENTIONS for name in finding.fix.settings)
    else:
        assert not set(finding.fix.settings) & {
            "kernels.deterministic",
            "cudnn.deterministic",
            "sdpa.math",
        }


@pytest.mark.slow
@pytest.mark.seeded
@pytest.mark.parametrize("program", ATOMICS)
def test_atomics_are_found_at_their_line_and_repaired_where_pytorch_can(program: str) -> None:
    result = audit_here(program)
    assert result.verdict is Verdict.NOT_REPRODUCIBLE
    check_kernel(result, program, *ATOMICS[program])


@pytest.mark.slow
@pytest.mark.seeded
@pytest.mark.parametrize("program", MAY_AGREE)
def test_if_repetitions_of_it_differ_then_the_kernel_is_to_blame(program: str) -> None:
    result = audit_here(program)
    if result.verdict is Verdict.NOT_REPRODUCIBLE:
        check_kernel(result, program, *MAY_AGREE[program])


@pytest.mark.slow
@pytest.mark.seeded
def test_a_generator_on_the_device_that_is_never_seeded_is_found_and_seeded() -> None:
    result = audit_here("cuda_generator.py")
    finding = result.findings[0]
    assert finding.cause is Cause.UNSEEDED_RNG
    assert finding.location is not None
    assert finding.location.line == line_of_source("cuda_generator.py")
    check_fix(finding, "seed.torch_generators")


@pytest.mark.slow
@pytest.mark.seeded
def test_undefined_device_memory_that_differs_is_named_and_a_fill_repairs_it() -> None:
    result = audit_here("cuda_uninitialized.py")
    if result.verdict is Verdict.NOT_REPRODUCIBLE:
        finding = result.findings[0]
        assert finding.cause is Cause.UNINITIALIZED_MEMORY
        assert finding.location is not None
        assert finding.location.line == line_of_source("cuda_uninitialized.py")
        check_fix(finding, "memory.fill")


def numbered(text: str, program: str) -> bool:
    return f"{program}:{line_of_source(program)}" in text


def audited(folder: Path, program: str) -> dict[str, Any]:
    words = ("--runs", "3", "--steps", "2", "--budget", "runs=10", "--timeout", "120")
    # Fresh: each run starts the device's driver itself, as a user's does.
    return audit(folder, *words, str(PROGRAMS / program), is_fresh=True)[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "rule", "fix"),
    [
        ("cuda_streams.py", "RA504", "streams.serial"),
        ("cuda_early_read.py", "RA505", "copies.blocking"),
    ],
)
def test_missing_synchronisation_is_warned_of_and_if_runs_differ_it_is_the_cause(
    tmp_path: Path, program: str, rule: str, fix: str
) -> None:
    result = audited(tmp_path, program)
    warning = next(one for one in result["warnings"] if one["rule"] == rule)
    assert numbered(warning["message"], program)
    if result["verdict"] == "not-reproducible":
        assert {finding["cause"] for finding in result["findings"]} <= {"thread-race"}
        proven = [finding["fix"] for finding in result["findings"] if finding["fix"]["verified"]]
        assert all(set(one["settings"]) <= {fix, "streams.serial"} for one in proven)


@pytest.mark.slow
def test_if_an_algorithm_that_cudnn_chose_by_timing_differs_then_the_convolution_is_named(
    tmp_path: Path,
) -> None:
    result = audited(tmp_path, "cuda_convolution.py")
    assert any(change["what"] == "cudnn.benchmark" for change in result["changes"])
    if result["verdict"] == "not-reproducible":
        finding = result["findings"][0]
        assert finding["cause"] == "kernel"
        assert finding["op"].startswith("aten::convolution")
        assert finding["location"]["line"] == line_of_source("cuda_convolution.py")
        if finding["fix"]["verified"]:
            assert finding["fix"]["settings"][0].startswith(("cudnn.", "kernels."))


@pytest.mark.seeded
def test_waits_that_order_streams_are_understood_as_such(tmp_path: Path) -> None:
    """The device's own trace of events: a wait, an event, a synchronisation and a question, each in
    its own way."""

    def program() -> None:
        side = torch.cuda.Stream()
        x = torch.ones(1 << 16, device="cuda")
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            x.mul_(2)
            event = side.record_event()
        torch.cuda.current_stream().wait_event(event)
        x.add_(1)
        torch.cuda.synchronize()
        with torch.cuda.stream(side):
            x.mul_(3)
        while not side.query():
            pass
        x.add_(1)
        x.sum().item()
        with torch.cuda.stream(side):
            x.zero_()
        side.synchronize()
        x.requires_grad_().sin().sum().backward()

    trace, _ = record(tmp_path, program, alerts=True, digests=False)
    assert read_device_races(trace) == ()
    assert not any("CUDA streams" in note.what for note in trace.notes)


@pytest.mark.seeded
def test_following_streams_changes_no_result(tmp_path: Path) -> None:
    plain = train()
    _, recorded = record(tmp_path, train, alerts=True, digests=False)
    assert all(torch.equal(a, b) for a, b in zip(plain, recorded, strict=True))


@pytest.mark.seeded
def test_a_read_that_nothing_orders_is_reported_with_both_lines(tmp_path: Path) -> None:
    def program() -> None:
        x = torch.zeros(1 << 16, device="cuda")
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            x.add_(1)
        x.sum()
        torch.cuda.synchronize()

    trace, _ = record(tmp_path, program, alerts=True, digests=False)
    (race,) = read_device_races(trace)
    assert (race.op, race.other_op) == ("aten::sum.default", "aten::add_.Tensor")
    assert race.location.line == race.other.line + 1


@pytest.mark.seeded
def test_a_pinned_copy_that_the_host_reads_at_once_is_reported_and_one_that_waits_is_not(
    tmp_path: Path,
) -> None:
    def program(waits: bool) -> None:
        host = torch.ones(1 << 16, device="cuda").to("cpu", non_blocking=True)
        if waits:
            torch.cuda.synchronize()
        host.sum()
        torch.cuda.synchronize()

    for waits in (False, True):

        def run(waits: bool = waits) -> None:
            program(waits)

        trace, _ = record(tmp_path, run, alerts=True, digests=False)
        assert [race.is_host for race in read_device_races(trace)] == ([] if waits else [True])


def test_new_device_memory_is_filled_all_over_and_grown_memory_where_it_is_new() -> None:
    from reproaudit.record.repairs.fill_mode import FillMode

    with FillMode(90):
        x = torch.empty(1000, dtype=torch.uint8, device="cuda")
        y = torch.zeros(16, dtype=torch.uint8, device="cuda").resize_(4000)
    assert bool((x == 90).all())
    assert bool((y[:16] == 0).all())
    assert bool((y[16:] == 90).all())


@pytest.mark.seeded
@pytest.mark.parametrize("level", [Level.BOUNDARY, Level.OPERATION])
def test_a_captured_training_step_with_dropout_is_recorded_without_harm(
    tmp_path: Path, level: Level
) -> None:
    def program() -> torch.Tensor:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Dropout(0.5)).cuda()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x = torch.ones(4, 8, device="cuda")

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            model(x).square().sum().backward()
            optimizer.step()

        graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            step()
        torch.cuda.current_stream().wait_stream(side)
        with torch.cuda.graph(graph):
            step()
        graph.replay()
        torch.cuda.synchronize()
        weight: torch.Tensor = model[0].weight.detach()
        return weight

    _, recorded = record(tmp_path, program, level, values_mb=8)
    assert torch.equal(recorded, program())
