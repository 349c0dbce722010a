"""The operation level, recorded in this process."""

from __future__ import annotations

import inspect
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from reproaudit.model.events import EventFlag, Phase
from reproaudit.trace.views import NOTHING, OpEvent
from tests.record.recording import operations, record


def line_of(marker: str) -> int:
    """Return the number of the line of this file that ends in the comment `marker`."""
    source = Path(__file__).read_text().splitlines()
    return next(number for number, text in enumerate(source, 1) if text.endswith(f"# {marker}"))


def run_backward(op: OpEvent) -> bool:
    return op.phase is Phase.BACKWARD


def test_a_backward_op_is_given_the_line_of_the_forward_op_that_made_its_node(
    tmp_path: Path,
) -> None:
    def program() -> None:
        x = torch.ones(4, requires_grad=True)
        y = x.exp()  # the forward line
        y.sum().backward()

    trace, _ = record(tmp_path, program)
    (op,) = filter(run_backward, operations(trace, "aten::mul.Tensor"))
    assert op.location.line == line_of("the forward line")


def test_undefined_memory_is_no_evidence_until_an_op_reads_it(tmp_path: Path) -> None:
    def program() -> None:
        batch = torch.empty(2, 3)
        batch[0, :2] = 1.0
        batch.sum()

    trace, _ = record(tmp_path, program)
    (allocation,) = trace.operations(EventFlag.UNDEFINED)
    assert allocation.outputs == NOTHING
    (read,) = operations(trace, "aten::sum")
    assert read.flags & EventFlag.READS_UNDEFINED
    assert read.allocated_by == allocation.number


def test_memory_that_was_fully_written_is_defined(tmp_path: Path) -> None:
    def program() -> None:
        batch = torch.empty(2, 3)
        batch[0] = 1.0
        batch[1] = 2.0
        batch.sum()

    trace, _ = record(tmp_path, program)
    (read,) = operations(trace, "aten::sum")
    assert not read.flags & EventFlag.READS_UNDEFINED


def test_what_an_op_only_overwrites_is_no_input(tmp_path: Path) -> None:
    def program() -> None:
        torch.zeros(5).fill_(3.0)
        torch.ones(5).fill_(3.0)

    trace, _ = record(tmp_path, program)
    first, second = operations(trace, "aten::fill_")
    assert first.inputs == second.inputs


def test_what_an_op_reads_and_overwrites_is_an_input(tmp_path: Path) -> None:
    def program() -> None:
        torch.zeros(5).add_(3.0)
        torch.ones(5).add_(3.0)

    trace, _ = record(tmp_path, program)
    first, second = operations(trace, "aten::add_")
    assert first.inputs != second.inputs


def test_the_shape_of_what_an_op_only_fills_or_imitates_is_an_input(tmp_path: Path) -> None:
    def program() -> None:
        for size in (3, 5):
            torch.zeros_like(torch.ones(size)).fill_(1.0)

    trace, _ = record(tmp_path, program)
    for name in ("aten::zeros_like", "aten::fill_"):
        first, second = operations(trace, name)
        assert first.inputs != second.inputs


@pytest.mark.parametrize(
    "pair", [(2.0, 3.0), (1, 2), (True, False), (1, 1.0), (1, True), (0.0, -0.0)]
)
def test_a_scalar_argument_is_an_input(tmp_path: Path, pair: tuple[float, float]) -> None:
    x = torch.ones(3)
    trace, _ = record(tmp_path, lambda: [x.mul(value) for value in pair])
    first, second = operations(trace, "aten::mul")
    assert first.inputs != second.inputs


def test_only_the_prototype_of_a_like_op_counts_not_its_content(tmp_path: Path) -> None:
    trace, _ = record(
        tmp_path, lambda: [torch.zeros_like(torch.empty(3)), torch.ones(3).new_zeros(3)]
    )
    assert operations(trace)
    assert list(trace.operations(EventFlag.READS_UNDEFINED)) == []


def test_a_random_op_records_the_state_it_draws_from(tmp_path: Path) -> None:
    def program() -> None:
        torch.manual_seed(0)
        torch.randn(3)
        torch.manual_seed(0)
        torch.randn(3)
        torch.randn(3)

    with torch.random.fork_rng():
        trace, _ = record(tmp_path, program)
    first, second, third = operations(trace, "aten::randn")
    assert first.drew_from is not None
    assert first.drew_from == second.drew_from != third.drew_from
    assert first.outputs == second.outputs


def test_a_generator_argument_is_the_one_whose_state_is_recorded(tmp_path: Path) -> None:
    def program() -> None:
        for seed in (1, 1, 2):
            torch.randn(3, generator=torch.Generator().manual_seed(seed))

    trace, _ = record(tmp_path, program)
    first, second, third = operations(trace, "aten::randn")
    assert first.drew_from is not None
    assert first.drew_from == second.drew_from != third.drew_from


def test_a_list_is_born_where_it_becomes_a_tensor_and_an_array_where_it_is_wrapped(
    tmp_path: Path,
) -> None:
    def program() -> None:
        torch.tensor([1.0, 2.0])
        torch.from_numpy(np.arange(3.0))  # the array

    trace, _ = record(tmp_path, program)
    born = list(trace.operations(EventFlag.BIRTH))
    assert [op.name for op in born] == ["aten::lift_fresh.default"] * 2
    assert born[1].location.line == line_of("the array")
    assert all(op.outputs != NOTHING for op in born)


def test_ops_of_a_thread_are_recorded_under_its_number(tmp_path: Path) -> None:
    def program() -> None:
        workers = [threading.Thread(target=lambda: torch.ones(3).exp()) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    trace, _ = record(tmp_path, program)
    assert sorted(op.thread for op in operations(trace, "aten::exp")) == [1, 2]


def test_an_op_that_raises_is_recorded_and_raises(tmp_path: Path) -> None:
    def program() -> None:
        with pytest.raises(RuntimeError):
            torch.mm(torch.ones(2, 3), torch.ones(2, 3))

    trace, _ = record(tmp_path, program)
    (op,) = operations(trace, "aten::mm")
    assert op.flags & EventFlag.RAISED


def test_recording_changes_no_result_and_draws_no_random_number(tmp_path: Path) -> None:
    def program() -> list[torch.Tensor]:
        torch.manual_seed(3)
        model = torch.nn.Sequential(
            torch.nn.Linear(5, 7), torch.nn.Dropout(0.5), torch.nn.Tanh(), torch.nn.Linear(7, 2)
        )
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(4, 5)).square().mean().backward()
            optimizer.step()
        return [*(p.detach().clone() for p in model.parameters()), torch.get_rng_state()]

    with torch.random.fork_rng():
        plain = program()
        _, recorded = record(tmp_path, program)
    assert all(torch.equal(a, b) for a, b in zip(plain, recorded, strict=True))


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    before = (
        torch.autograd.backward,
        torch.autograd.grad,
        torch.manual_seed,
        threading.Thread.start,
        np.random.rand,
    )
    record(tmp_path, lambda: torch.ones(2).sum())
    after = (
        torch.autograd.backward,
        torch.autograd.grad,
        torch.manual_seed,
        threading.Thread.start,
        np.random.rand,
    )
    assert all(a is b or a == b for a, b in zip(before, after, strict=True))
    source = inspect.getsourcefile(torch.autograd.backward)
    assert source is not None
    assert Path(source).is_relative_to(Path(torch.__file__).parent)


def test_ops_without_a_gradient_in_between_do_not_take_over_the_line_of_a_backward_op(
    tmp_path: Path,
) -> None:
    weight = torch.ones(3, requires_grad=True)

    def program() -> None:
        doubled = weight.exp()
        with torch.no_grad():
            weight.detach().add(1.0)  # a line of its own
        doubled.sum().backward()

    trace, _ = record(tmp_path, program)
    (forward,) = operations(trace, "aten::exp.")
    backward = filter(run_backward, operations(trace, "aten::mul"))
    assert [op.location for op in backward] == [forward.location]
