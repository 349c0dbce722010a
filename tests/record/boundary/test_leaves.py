"""What a program leaves in its modules."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
import torch

from reproaudit.model.events import EventKind, Level
from reproaudit.trace.reader import Trace
from tests.record.recording import differing_events, names, record

pytestmark = pytest.mark.seeded
FINAL = EventKind.FINAL


def train(model: torch.nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()


def boundary(folder: Path, program: object, **changes: object) -> Trace:
    return record(folder, program, Level.BOUNDARY, **changes)[0]  # type: ignore[arg-type]


def run_and_load(value: float) -> None:
    """Train, then load what the steps do not show. The model dies with the function."""
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    train(model)
    model.load_state_dict({"weight": torch.full((2, 3), value), "bias": torch.zeros(2)})


@pytest.mark.parametrize("level", [Level.BOUNDARY, Level.OPERATION])
def test_what_is_loaded_after_the_last_step_is_seen(tmp_path: Path, level: Level) -> None:
    first, _ = record(tmp_path, lambda: run_and_load(1.0), level)
    second, _ = record(tmp_path, lambda: run_and_load(2.0), level)
    assert names(first, FINAL) == ["weight", "bias"]
    assert differing_events(first, second, FINAL) == ["weight"]
    assert differing_events(first, first, EventKind.PARAMETER) == []


def test_parameters_whose_memory_was_exchanged_are_read_as_they_are(tmp_path: Path) -> None:
    def program(value: float) -> None:
        model = torch.nn.Linear(3, 2)
        torch.nn.init.ones_(model.weight)
        train(model)
        model.weight.data = torch.full((2, 3), value)

    first, second = (boundary(tmp_path, lambda v=v: program(v)) for v in (1.0, 2.0))
    assert "weight" in differing_events(first, second, FINAL)


def test_a_module_that_is_alive_at_the_end_is_read_there(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    trace = boundary(tmp_path, lambda: train(model))
    assert names(trace, FINAL) == ["weight", "bias"]


def test_a_module_and_its_tensors_die_when_they_would_without_us(tmp_path: Path) -> None:
    alive = []

    def program() -> None:
        model = torch.nn.Linear(3, 2)
        train(model)
        model.zero_grad()
        references = [weakref.ref(model), weakref.ref(model.weight)]
        del model
        alive.extend(reference() is not None for reference in references)

    boundary(tmp_path, program)
    assert alive == [False, False]


def test_a_module_that_the_collector_finds_is_read_once(tmp_path: Path) -> None:
    def program() -> None:
        model = torch.nn.Linear(3, 2)
        model.itself = [model]  # type: ignore[assignment]
        train(model)
        del model
        gc.collect()

    assert names(boundary(tmp_path, program), FINAL) == ["weight", "bias"]


def test_buffers_of_a_state_are_read_and_caches_are_not(tmp_path: Path) -> None:
    def program() -> None:
        model = torch.nn.BatchNorm1d(3, affine=False)
        model.register_buffer("cache", torch.empty(4), persistent=False)
        model(torch.ones(2, 3))

    wanted = ["running_mean", "running_var", "num_batches_tracked"]
    assert names(boundary(tmp_path, program), FINAL) == wanted


def test_nothing_is_left_by_a_program_that_was_stopped(tmp_path: Path) -> None:
    assert names(boundary(tmp_path, lambda: run_and_load(1.0), steps=1), FINAL) == []


def test_parameters_without_a_module_are_read_too(tmp_path: Path) -> None:
    def program() -> None:
        weight = torch.ones(3, requires_grad=True)
        optimizer = torch.optim.SGD([weight], lr=0.1)
        weight.sum().backward()
        optimizer.step()

    assert names(boundary(tmp_path, program), FINAL) == ["group0[0]"]


def test_two_models_of_one_class_are_told_apart(tmp_path: Path) -> None:
    def program() -> None:
        models = [torch.nn.Linear(3, 1, bias=False) for _ in range(2)]
        for model in models:
            model(torch.ones(1, 3))

    assert sorted(names(boundary(tmp_path, program), FINAL)) == ["Linear#2.weight", "weight"]


def test_values_are_kept_for_a_tolerance(tmp_path: Path) -> None:
    trace = boundary(tmp_path, lambda: run_and_load(1.0), values_mb=1)
    finals = [event for event in trace.tensors() if event.kind is FINAL]
    assert [len(trace.values(event.number)) for event in finals] == [1, 1]
