"""When gradients are recorded, and what the phases are, around an optimizer's step."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from reproaudit.model.events import EventKind, Level, Phase
from reproaudit.record.digest.tensors import digest
from reproaudit.trace.reader import Trace
from tests.record.recording import names, operations, record

pytestmark = pytest.mark.seeded
_KINDS = (EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)


def list_moments(trace: Trace, *kinds: EventKind) -> list[tuple[str, str, int]]:
    """Return kind, name and step of the boundary tensors in order."""
    return [
        (tensor.kind.name, tensor.name, tensor.step)
        for tensor in trace.tensors()
        if tensor.kind in (kinds or _KINDS)
    ]


class Line(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.slope = torch.nn.Parameter(torch.full((3,), 2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.dropout(x * self.slope)


def train_by_closure(steps: int, clip: Callable[[Line], object] | None = None) -> list[Any]:
    """Train as automatic optimization does; return the gradients that each step used."""
    model = Line()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    used = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(torch.ones(3)).square().sum()
        loss.backward()
        if clip is not None:
            clip(model)
        assert model.slope.grad is not None
        used.append(model.slope.grad.clone())
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return used


def test_the_gradients_of_a_closure_belong_to_the_step_that_ran_it(tmp_path: Path) -> None:
    trace, used = record(tmp_path, lambda: train_by_closure(3), Level.BOUNDARY)
    gradients = list_moments(trace, EventKind.GRADIENT)
    assert gradients == [("GRADIENT", "slope", step) for step in range(3)]
    recorded = [event.digest for event in trace.tensors() if event.kind is EventKind.GRADIENT]
    assert recorded == [digest(gradient) for gradient in used]


def test_gradients_that_a_closure_clips_are_recorded_as_the_step_uses_them(tmp_path: Path) -> None:
    def clip(model: Line) -> None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)

    trace, used = record(tmp_path, lambda: train_by_closure(2, clip), Level.BOUNDARY)
    recorded = [event.digest for event in trace.tensors() if event.kind is EventKind.GRADIENT]
    assert recorded == [digest(gradient) for gradient in used]


def test_a_draw_inside_a_closure_is_of_the_forward_pass(tmp_path: Path) -> None:
    trace, _ = record(tmp_path, lambda: train_by_closure(1))
    assert {op.phase for op in operations(trace, "aten::bernoulli_")} == {Phase.FORWARD}
    assert {op.phase for op in operations(trace, "aten::sum")} == {Phase.FORWARD}
    # The gradient of a square is a power and products.
    passes = [op.phase for op in operations(trace, "aten::mul") if op.step == 0]
    assert Phase.BACKWARD in passes
    assert {op.phase for op in operations(trace, "aten::_foreach_add_")} <= {Phase.OPTIMIZER}
    assert Phase.OPTIMIZER in {op.phase for op in operations(trace)}


def test_lbfgs_records_the_gradients_of_each_evaluation(tmp_path: Path) -> None:
    def program() -> int:
        model = Line()
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
        evaluations = 0

        def closure() -> torch.Tensor:
            nonlocal evaluations
            evaluations += 1
            optimizer.zero_grad()
            loss = (model.slope - torch.arange(3.0)).square().square().sum()
            loss.backward()
            return loss

        for _ in range(2):
            optimizer.step(closure)  # type: ignore[no-untyped-call]
        return evaluations

    trace, evaluations = record(tmp_path, program, Level.BOUNDARY)
    assert trace.header["steps"] == 2
    assert evaluations > 2
    moments = list_moments(trace)
    assert sum(kind == "GRADIENT" for kind, _, _ in moments) == evaluations
    assert [kind for kind, _, _ in moments[:2]] == ["OUTPUT", "GRADIENT"]
    parameters = list_moments(trace, EventKind.PARAMETER)
    assert [step for _, _, step in parameters] == [0, 1]


def test_a_closure_that_computes_nothing_shows_the_gradients_computed_before(
    tmp_path: Path,
) -> None:
    def program() -> None:
        weight = torch.nn.Parameter(torch.ones(3))
        optimizer = torch.optim.SGD([weight], lr=0.1)
        loss = weight.square().sum()
        loss.backward()
        optimizer.step(loss.item)

    trace, _ = record(tmp_path, program, Level.BOUNDARY)
    kinds = [kind for kind, _, _ in list_moments(trace)]
    assert kinds == ["OUTPUT", "GRADIENT", "PARAMETER"]


class Searching(torch.optim.SGD):
    """An optimizer that evaluates the model itself, once its step has begun."""

    def __init__(self, model: Line) -> None:
        super().__init__(model.parameters(), lr=0.1)
        self.model = model

    @torch.enable_grad()
    def evaluate(self) -> None:
        self.zero_grad()
        self.model(torch.ones(3)).square().sum().backward()

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.evaluate()
        for parameter in self.model.parameters():
            assert parameter.grad is not None
            parameter.sub_(parameter.grad)


def test_an_optimizer_that_runs_the_passes_itself_has_phases_by_what_runs(tmp_path: Path) -> None:
    def program() -> None:
        optimizer = Searching(Line())
        for _ in range(2):
            optimizer.step()

    trace, _ = record(tmp_path, program)
    gradients = list_moments(trace, EventKind.GRADIENT)
    assert gradients == [("GRADIENT", "slope", 0), ("GRADIENT", "slope", 1)]
    assert {op.phase for op in operations(trace, "aten::bernoulli_")} == {Phase.FORWARD}
    assert {op.phase for op in operations(trace, "aten::sub_")} == {Phase.OPTIMIZER}


def test_gradients_made_by_hand_are_recorded(tmp_path: Path) -> None:
    def program() -> None:
        weight = torch.nn.Parameter(torch.ones(3))
        optimizer = torch.optim.SGD([weight], lr=0.1)
        for _ in range(2):
            weight.grad = torch.ones(3)
            optimizer.step()

    trace, _ = record(tmp_path, program, Level.BOUNDARY)
    gradients = list_moments(trace, EventKind.GRADIENT)
    assert [step for _, _, step in gradients] == [0, 1]


def test_a_step_that_raised_does_not_change_what_the_next_one_records(tmp_path: Path) -> None:
    def program() -> None:
        model = Line()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def fail() -> float:
            raise ValueError("no loss")

        with pytest.raises(ValueError, match="no loss"):
            optimizer.step(fail)
        model(torch.ones(3)).sum().backward()
        optimizer.step()

    trace, _ = record(tmp_path, program)
    assert names(trace, EventKind.GRADIENT) == ["slope"]
    assert {op.phase for op in operations(trace, "aten::sum")} == {Phase.FORWARD}
    assert {op.phase for op in operations(trace, "aten::bernoulli_")} == {Phase.FORWARD}


class Wrapper(torch.optim.Optimizer):
    """An optimizer that has another one step, as Lookahead and ZeroRedundancyOptimizer do."""

    def __init__(self, wrapped: torch.optim.Optimizer) -> None:
        super().__init__(wrapped.param_groups, {})
        self.wrapped = wrapped
        self.fails = False

    def step(self, closure: Any = None) -> None:
        self.wrapped.step()
        if self.fails:
            raise RuntimeError("after its part")


def test_a_step_within_a_step_is_a_part_of_it(tmp_path: Path) -> None:
    def program() -> None:
        model = Line()
        optimizer = Wrapper(torch.optim.SGD(model.parameters(), lr=0.1))
        for _ in range(2):
            optimizer.zero_grad()
            model(torch.ones(3)).sum().backward()
            optimizer.step()

    trace, _ = record(tmp_path, program, Level.BOUNDARY)
    outputs = list_moments(trace, EventKind.OUTPUT)
    assert [step for _, name, step in outputs if name == "Line.output"] == [0, 1]


def test_a_step_that_raised_is_not_around_those_of_others(tmp_path: Path) -> None:
    def program() -> None:
        model = Line()
        failing = Wrapper(torch.optim.SGD(model.parameters(), lr=0.1))
        failing.fails = True
        other = torch.optim.SGD(model.parameters(), lr=0.1)
        model(torch.ones(3)).sum().backward()
        with pytest.raises(RuntimeError):
            failing.step()
        for _ in range(2):
            other.step()

    trace, _ = record(tmp_path, program, Level.BOUNDARY)
    parameters = list_moments(trace, EventKind.PARAMETER)
    assert [step for *_, step in parameters] == [0, 0, 1]


def test_a_step_that_raised_keeps_nothing_alive_and_no_phase(tmp_path: Path) -> None:
    def fail(optimizer: Wrapper) -> weakref.ref[Line]:
        held = Line()
        with pytest.raises(RuntimeError):
            optimizer.step()
        return weakref.ref(held)

    def program() -> bool:
        model = Line()
        failing = Wrapper(torch.optim.SGD(model.parameters(), lr=0.1))
        failing.fails = True
        other = torch.optim.SGD(model.parameters(), lr=0.1)
        held = fail(failing)
        gc.collect()
        is_gone = held() is None
        for _ in range(2):
            model(torch.ones(3)).sum().backward()
            other.step()
        return is_gone

    trace, is_gone = record(tmp_path, program)
    assert is_gone
    # What was computed up to the next step cannot be told from the step that failed.
    phases = [op.phase for op in operations(trace, "aten::bernoulli_")]
    assert phases[-1] is Phase.FORWARD
