"""Ops that the determinism flag refuses are all found, and the run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.record.recording import record


def line_of(mark: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(f"# {mark}"))


@pytest.mark.seeded
def test_an_op_that_the_determinism_flag_refuses_is_caught_and_run_without_it(
    tmp_path: Path,
) -> None:
    pooled, where = torch.nn.functional.max_pool2d(torch.rand(1, 1, 4, 4), 2, return_indices=True)
    expected = torch.nn.functional.max_unpool2d(pooled, where, 2)

    def program() -> torch.Tensor:
        return torch.nn.functional.max_unpool2d(pooled, where, 2)  # refused

    trace, result = record(tmp_path, program, alerts=True, digests=False)
    (alert,) = trace.alerts()
    assert alert.op.startswith("aten::max_unpool2d")
    assert alert.location.line == line_of("refused")
    assert "deterministic" in alert.message
    assert torch.equal(result, expected)
    assert not torch.are_deterministic_algorithms_enabled()
