"""Whether the comparison of two devices finds the op where results part, by what its tolerance
says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from reproaudit.config.tolerance import Tolerance
from reproaudit.experiment.devices import CLOSE, DeviceComparison, compare_results
from reproaudit.pytest_plugin.recording import record_op_values

HERE = Path(__file__).parent


def compare_devices(
    step: Callable[..., object],
    first: str = "cpu",
    second: str = "cpu",
    tolerances: Mapping[str, Tolerance] = CLOSE,
) -> DeviceComparison:
    a, b = record_op_values(step, (first, second), HERE, seed=0)
    return compare_results((first, second), a, b, tolerances)


class Step:
    """A step that stands for two devices: from its second call on, what it multiplies by is off by
    `error`."""

    def __init__(
        self, error: float, dtype: torch.dtype = torch.float32, extra: bool = False
    ) -> None:
        self.error, self.dtype, self.extra, self.calls = error, dtype, extra, 0

    def __call__(self, device: str) -> torch.Tensor:
        self.calls += 1
        values = torch.randn(4, 8).to(self.dtype)
        if self.extra and self.calls == 2:
            values.exp()
        positive = values.abs() + 1
        scaled = positive * (1.0 + self.error * (self.calls - 1))  # source
        return scaled.sum()


def source_line() -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith("# source"))


def test_equal_results_are_close_and_counted() -> None:
    found = compare_devices(Step(0.0))
    assert found.is_close
    assert found.compared >= 4
    assert str(found).startswith("cpu and cpu agree within the tolerance: ")


def test_the_first_op_past_the_tolerance_is_named_with_its_line() -> None:
    found = compare_devices(Step(1e-3))
    assert found.first is not None
    assert found.first.op == "aten::mul.Tensor"
    assert found.first.location is not None
    assert (found.first.location.path, found.first.location.line) == (
        Path(__file__).name,
        source_line(),
    )
    assert [row.op for row in found.far] == ["aten::mul.Tensor", "aten::sum"]


def test_the_tolerance_is_that_of_the_dtype() -> None:
    assert not compare_devices(Step(4e-3)).is_close
    assert compare_devices(Step(4e-3, torch.bfloat16)).is_close
    assert compare_devices(Step(4e-3), tolerances={"float32": Tolerance(rtol=1e-2)}).is_close


def test_an_op_that_only_one_device_runs_is_counted_and_shifts_nothing() -> None:
    found = compare_devices(Step(0.0, extra=True))
    assert (found.is_close, found.unpaired) == (True, 1)


def test_nothing_compared_is_not_close() -> None:
    assert not compare_devices(lambda device: None).is_close


def test_both_devices_start_from_the_same_streams_and_leave_them_as_they_were() -> None:
    before = torch.get_rng_state().tolist()
    drawn: list[float] = []
    compare_devices(lambda device: drawn.append(torch.rand(1).item()))
    assert drawn[0] == drawn[1]
    assert torch.get_rng_state().tolist() == before


@pytest.mark.gpu
def test_cpu_and_cuda_agree_on_a_small_product_in_double_precision() -> None:
    def step(device: str) -> torch.Tensor:
        a = torch.randn(16, 16, dtype=torch.float64).to(device)
        return (a @ a).square().sum()

    assert compare_devices(step, "cpu", "cuda").is_close
