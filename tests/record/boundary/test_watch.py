"""The boundary level, recorded in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from reproaudit.model.events import EventKind, Level, Unchecked
from reproaudit.trace.reader import Trace
from tests.record.recording import names, record

pytestmark = pytest.mark.seeded


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Linear(3, 4)
        self.head = torch.nn.Linear(4, 1)

    def forward(
        self, x: torch.Tensor, *, scale: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        hidden = self.body(x)
        return {"logits": self.head(hidden if scale is None else hidden * scale)}


def boundary(folder: Path, program: object, **changes: object) -> Trace:
    return record(folder, program, Level.BOUNDARY, **changes)[0]  # type: ignore[arg-type]


def train(steps: int, model: torch.nn.Module | None = None) -> None:
    model = model or Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(2, 3))["logits"].sum().backward()
        optimizer.step()


def test_only_the_outermost_module_call_is_an_output(tmp_path: Path) -> None:
    trace = boundary(tmp_path, lambda: Net()(torch.ones(2, 3)))
    assert names(trace, EventKind.OUTPUT) == ["Net.output.logits"]
    assert names(trace, EventKind.BATCH) == ["Net.input"]


def test_keyword_arguments_are_batches_too(tmp_path: Path) -> None:
    trace = boundary(tmp_path, lambda: Net()(torch.ones(2, 3), scale=torch.ones(4)))
    assert names(trace, EventKind.BATCH) == ["Net.input", "Net.input.scale"]


def test_gradients_and_parameters_carry_the_names_the_user_gave_them(tmp_path: Path) -> None:
    trace = boundary(tmp_path, lambda: train(1))
    wanted = ["body.weight", "body.bias", "head.weight", "head.bias"]
    assert names(trace, EventKind.GRADIENT) == wanted
    assert names(trace, EventKind.PARAMETER) == wanted


def test_the_program_is_stopped_after_the_steps_asked_for(tmp_path: Path) -> None:
    trace = boundary(tmp_path, lambda: train(7), steps=3)
    assert trace.header["steps"] == 3
    parameters = [event for event in trace.tensors() if event.kind is EventKind.PARAMETER]
    assert {event.step for event in parameters} == {0, 1, 2}


def test_a_program_without_an_optimizer_counts_backward_passes_and_shows_its_leaves(
    tmp_path: Path,
) -> None:
    def program() -> None:
        weight = torch.ones(3, requires_grad=True)
        for _ in range(2):
            (weight * 2).sum().backward()

    trace = boundary(tmp_path, program)
    assert trace.header["steps"] == 2
    assert names(trace, EventKind.GRADIENT) == ["leaf[0]", "leaf[0]"]


def test_gradients_from_autograd_grad_are_recorded(tmp_path: Path) -> None:
    def program() -> None:
        weight = torch.ones(3, requires_grad=True)
        torch.autograd.grad((weight * 2).sum(), [weight])

    assert names(boundary(tmp_path, program), EventKind.GRADIENT) == ["autograd.grad[0]"]


def test_gradient_accumulation_is_one_step_per_optimizer_step(tmp_path: Path) -> None:
    def program() -> None:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for number in range(6):
            model(torch.ones(2, 3))["logits"].sum().backward()
            if number % 3 == 2:
                optimizer.step()

    assert boundary(tmp_path, program).header["steps"] == 2


def test_a_closure_optimizer_is_recorded(tmp_path: Path) -> None:
    def program() -> None:
        weight = torch.nn.Parameter(torch.ones(3))
        optimizer = torch.optim.LBFGS([weight], max_iter=3)

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = (weight - 2).square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)  # type: ignore[no-untyped-call]

    trace = boundary(tmp_path, program)
    assert trace.header["steps"] == 1
    assert names(trace, EventKind.PARAMETER) == ["group0[0]"]


def test_a_loader_s_batches_are_recorded_with_their_place(tmp_path: Path) -> None:
    loader = DataLoader(TensorDataset(torch.arange(4.0), torch.arange(4)), batch_size=2)
    trace = boundary(tmp_path, lambda: list(loader))
    assert names(trace, EventKind.BATCH) == ["batch[0]", "batch[1]"] * 2


def test_a_module_that_raises_leaves_the_depth_as_it_was(tmp_path: Path) -> None:
    def program() -> None:
        model = Net()
        with pytest.raises(RuntimeError):
            model(torch.ones(2, 99))
        model(torch.ones(2, 3))

    assert names(boundary(tmp_path, program), EventKind.OUTPUT) == ["Net.output.logits"]


def test_values_are_kept_up_to_the_budget(tmp_path: Path) -> None:
    trace = boundary(tmp_path, lambda: train(1), values_mb=1)
    (output,) = [event for event in trace.tensors() if event.name == "Net.output.logits"]
    (value,) = trace.values(output.number)
    assert (value.dtype, value.shape) == ("float32", (2, 1))
    none = boundary(tmp_path, lambda: train(1), values_mb=0)
    assert not any(none.values(event.number) for event in none.all_events())


def test_two_models_do_not_share_parameter_names(tmp_path: Path) -> None:
    def program() -> None:
        first, second = Net(), Net()
        optimizer = torch.optim.SGD([*first.parameters(), *second.parameters()], lr=0.1)
        (first(torch.ones(1, 3))["logits"] + second(torch.ones(1, 3))["logits"]).sum().backward()
        optimizer.step()

    seen = names(boundary(tmp_path, program), EventKind.GRADIENT)
    assert len(seen) == len(set(seen)) == 8
    assert "Net#2.body.weight" in seen


@pytest.mark.slow
def test_tracing_ahead_of_time_is_no_part_of_the_program(tmp_path: Path) -> None:
    def program() -> None:
        model = Net()
        compiled = torch.compile(model, backend="aot_eager")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            compiled(torch.ones(2, 3))["logits"].sum().backward()
            optimizer.step()

    trace = boundary(tmp_path, program)
    gradients = names(trace, EventKind.GRADIENT)
    assert len(gradients) == 2 * 4
    assert not any(name.startswith("autograd.grad") for name in gradients)
    assert Unchecked.NO_BYTES not in {note.code for note in trace.notes}
