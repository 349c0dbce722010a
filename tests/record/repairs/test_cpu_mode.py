"""Operators that refuse are computed elsewhere. Some refuse on the CPU as well, and so it stands in
for the GPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from reproaudit.record.repairs.cpu_mode import RefusedOnCpu


@pytest.fixture(autouse=True)
def _flags() -> Iterator[None]:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    assert before == (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the operators that were computed on copies."""
    names: list[str] = []
    original = RefusedOnCpu.run_on_cpu

    def on_cpu(self: RefusedOnCpu, func: torch._ops.OpOverload, *rest: object) -> object:
        names.append(func._schema.name)
        return original(self, func, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(RefusedOnCpu, "run_on_cpu", on_cpu)
    return names


def everywhere(tensor: torch.Tensor) -> bool:
    return True


def test_what_refuses_is_computed_on_copies_and_what_it_overwrites_is_written_back(
    moved: list[str],
) -> None:
    x, index, values = torch.zeros(8), torch.tensor([1, 5, 2]), torch.tensor([1.0, 2.0, 3.0])
    with RefusedOnCpu(everywhere):
        result = x.put_(index, values)
    assert moved == ["aten::put_"]
    assert result is x
    assert x.tolist() == [0.0, 1.0, 3.0, 0.0, 0.0, 2.0, 0.0, 0.0]


@pytest.mark.seeded
def test_gradients_pass_through_what_was_computed_elsewhere(moved: list[str]) -> None:
    def gradient() -> torch.Tensor:
        torch.manual_seed(0)
        image = torch.randn(1, 2, 4, 4, requires_grad=True)
        pooled, where = torch.nn.functional.max_pool2d(image, 2, return_indices=True)
        unpooled = torch.nn.functional.max_unpool2d(pooled, where, [2, 2])
        return torch.autograd.grad((unpooled * torch.randn(1, 2, 4, 4)).sum(), image)[0]

    expected = gradient()
    with RefusedOnCpu(everywhere):
        found = gradient()
    assert moved == ["aten::max_unpool2d"]
    assert torch.equal(found, expected)


def test_what_does_not_refuse_and_what_lies_elsewhere_is_left_alone(moved: list[str]) -> None:
    with RefusedOnCpu(everywhere):
        torch.ones(3).add_(1)
    with RefusedOnCpu():
        torch.zeros(3).put_(torch.tensor([0]), torch.tensor([1.0]))
    assert moved == []


def test_an_error_that_is_no_refusal_is_the_programs_own(moved: list[str]) -> None:
    with RefusedOnCpu(everywhere), pytest.raises(RuntimeError, match="must match"):
        torch.ones(3).add_(torch.ones(2))
    assert moved == []


def test_the_flag_is_left_as_the_program_has_set_it(moved: list[str]) -> None:
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with RefusedOnCpu(everywhere):
            torch.zeros(3).put_(torch.tensor([0]), torch.tensor([1.0]))
            assert torch.are_deterministic_algorithms_enabled()
            assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    assert moved == ["aten::put_"]


@pytest.mark.gpu
def test_a_gradient_that_has_no_deterministic_form_on_the_gpu_is_the_cpu_s() -> None:
    def gradient(device: str) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        image = torch.randn(1, 3, 64, 64, generator=generator).to(device).requires_grad_()
        grid = (torch.rand(1, 96, 96, 2, generator=generator) * 2 - 1).to(device)
        loss = torch.nn.functional.grid_sample(image, grid, align_corners=False).square().sum()
        return torch.autograd.grad(loss, image)[0]

    with RefusedOnCpu():
        first, second = gradient("cuda"), gradient("cuda")
    assert first.is_cuda
    assert torch.equal(first, second)
    torch.testing.assert_close(first.cpu(), gradient("cpu"), rtol=1e-3, atol=1e-3)
