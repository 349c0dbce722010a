"""Programs with causes of their own on a GPU, on the CPU: they run, and the marked line runs the op
that is meant."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from reproaudit.model.cause import Cause
from reproaudit.model.verdict import Verdict
from tests.auditing import PROGRAMS, line_of_source
from tests.in_process import audit_here
from tests.record.recording import record

ON_ANY_DEVICE = {
    "cuda_interpolate.py": "aten::upsample_bilinear2d_backward",
    "cuda_grid_sample.py": "aten::grid_sampler_2d_backward",
    "cuda_ctc.py": "aten::_ctc_loss_backward",
    "cuda_embedding_bag.py": "aten::_embedding_bag",
    "cuda_cumsum.py": "aten::cumsum",
    "cuda_histogram.py": "aten::bincount",
    "cuda_attention.py": "aten::_scaled_dot_product",
    "cuda_convolution.py": "aten::convolution_backward",
    "cuda_uninitialized.py": "aten::empty",
}


@pytest.mark.seeded
@pytest.mark.leaves("torch-flags", reason="a program sets cudnn.benchmark, as users' programs do")
@pytest.mark.parametrize(("program", "op"), ON_ANY_DEVICE.items())
def test_the_marked_line_of_a_program_runs_the_operator_that_its_cause_is_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, op: str
) -> None:
    path = PROGRAMS / program
    monkeypatch.setattr(sys, "argv", [program, "cpu"])
    trace, _ = record(tmp_path, lambda: runpy.run_path(str(path)))
    line = line_of_source(program)
    here = [event for event in trace.all_events() if event.location.line == line]
    assert any(event.name.startswith(op) for event in here)
    assert int(trace.columns.step.max()) >= 1


@pytest.mark.parametrize(
    ("program", "cause", "fix"),
    [
        ("cuda_generator.py", Cause.UNSEEDED_RNG, "seed.torch_generators"),
        ("cuda_uninitialized.py", Cause.UNINITIALIZED_MEMORY, "memory.fill"),
    ],
)
def test_a_cause_that_is_no_matter_of_the_device_is_found_and_repaired_on_the_cpu_as_well(
    program: str, cause: Cause, fix: str
) -> None:
    result = audit_here(program, "cpu")
    assert result.verdict is Verdict.NOT_REPRODUCIBLE
    (finding,) = result.findings
    assert (finding.cause, finding.location and finding.location.line) == (
        cause,
        line_of_source(program),
    )
    assert finding.fix is not None
    assert (finding.fix.settings, finding.fix.verified) == ((fix,), True)
