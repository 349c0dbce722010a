"""What is read of the runs of a callable that answers for a batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from reproaudit.experiment.batch_runs import count_rows, find_largest
from reproaudit.model.events import EventKind, Level, Phase
from reproaudit.record.process import install
from reproaudit.trace.runs import Run, open_run
from tests.record.recording import record


def make_run(folder: Path, answer: torch.Tensor, values_mb: int = 1) -> Run:
    """Make a run that answered so."""
    given: list[install.Installation] = []
    original = install.Installation._install

    def noted(installation: install.Installation, plan: object) -> None:
        given.append(installation)
        original(installation, plan)  # type: ignore[arg-type]

    def program() -> None:
        at = Phase.FORWARD
        given[0].boundaries.record(EventKind.OUTPUT, at, "return", answer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(install.Installation, "_install", noted)
        trace, _ = record(folder, program, Level.BOUNDARY, values_mb=values_mb)
    return open_run(trace.directory, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.complex64])
def test_the_largest_magnitude_is_that_of_finite_numbers(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    answer = torch.tensor([[1.0, -4.0], [float("inf"), float("nan")]]).to(dtype)
    run = make_run(tmp_path, answer)
    assert count_rows(run) == 2
    assert find_largest(run, "return") == 4.0
    assert find_largest(run, "return.other") is None


def test_what_was_not_kept_or_is_no_float_has_no_largest_number(tmp_path: Path) -> None:
    assert find_largest(make_run(tmp_path, torch.ones(2), values_mb=0), "return") is None
    assert find_largest(make_run(tmp_path, torch.ones(2).long()), "return") is None
