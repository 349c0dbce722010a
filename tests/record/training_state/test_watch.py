"""What is told of a program's training state, and that the program does not notice."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, TensorDataset

from reproaudit.model.events import Level
from reproaudit.model.question import StateKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import PieceEvent
from reproaudit.trace.words import StateMoment
from tests.record.recording import notes, record


@pytest.fixture(autouse=True)
def streams_as_they_were() -> Iterator[None]:
    before = torch.get_rng_state()
    yield
    torch.set_rng_state(before)


def train(steps: int = 3) -> torch.Tensor:
    """Train with parts that hold state of most kinds, and return what is left of all of them."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [
            torch.optim.lr_scheduler.ConstantLR(optimizer, 0.5, 1),
            torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
        ],
        [1],
    )
    average = AveragedModel(model)
    loader = DataLoader(TensorDataset(torch.randn(12, 3)), batch_size=4, shuffle=True)
    for (x,) in loader:
        loss = model(x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        average.update_parameters(model)
    left = [*model.parameters(), *model.buffers(), *average.parameters()]
    return torch.cat([*(one.detach().float().reshape(-1) for one in left), torch.rand(2)])


def told(trace: Trace, kind: StateKind) -> list[PieceEvent]:
    return [piece for piece in trace.pieces() if piece.piece is kind]


def shown(trace: Trace, kind: StateKind, name: str) -> list[str]:
    return [piece.shown for piece in told(trace, kind) if piece.name == name]


@pytest.mark.parametrize("level", [Level.BOUNDARY, Level.OPERATION])
def test_a_program_computes_and_draws_the_same_while_its_state_is_followed(
    tmp_path: Path, level: Level
) -> None:
    alone = train()
    trace, followed = record(tmp_path, train, level, state=True)
    assert torch.equal(alone, followed)
    assert notes(trace) == []
    assert {piece.piece for piece in trace.pieces()} >= {
        StateKind.PARAMETERS,
        StateKind.BUFFERS,
        StateKind.OPTIMIZER,
        StateKind.SCHEDULER,
        StateKind.AVERAGE,
        StateKind.RANDOM_STREAM,
        StateKind.DATA_POSITION,
    }


def test_nothing_is_told_unless_the_plan_asks_for_it(tmp_path: Path) -> None:
    trace, _ = record(tmp_path, train, Level.BOUNDARY)
    assert list(trace.pieces()) == []


def test_a_piece_is_told_again_only_where_it_has_changed(tmp_path: Path) -> None:
    trace, _ = record(tmp_path, train, Level.BOUNDARY, state=True)
    assert shown(trace, StateKind.OPTIMIZER, "SGD: momentum") == ["0.9"]
    assert len(shown(trace, StateKind.OPTIMIZER, "SGD: lr")) == 3
    assert shown(trace, StateKind.SCHEDULER, "SequentialLR") == [
        "last_epoch 0",
        "last_epoch 1",
        "last_epoch 2",
    ]


def test_schedulers_that_another_is_made_of_are_a_part_of_it(tmp_path: Path) -> None:
    trace, _ = record(tmp_path, train, Level.BOUNDARY, state=True)
    assert {piece.name for piece in told(trace, StateKind.SCHEDULER)} == {"SequentialLR"}


def test_a_draw_is_told_with_what_it_was_for(tmp_path: Path) -> None:
    trace, _ = record(tmp_path, train, Level.BOUNDARY, state=True)
    of_torch = [piece for piece in told(trace, StateKind.RANDOM_STREAM) if "CPU" in piece.name]
    moments = [piece.moment for piece in of_torch]
    begun = moments.index(StateMoment.ITERATOR)
    # The base seed, the order of the samples and the first dropout.
    assert moments[begun : begun + 3] == [
        StateMoment.ITERATOR,
        StateMoment.FETCH,
        StateMoment.MODULE,
    ]


def test_nothing_of_the_program_is_kept_alive(tmp_path: Path) -> None:
    alive: list[weakref.ref[Any]] = []

    def program() -> None:
        shadow = nn.Linear(3, 4)
        model = nn.Linear(3, 4)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        alive.extend(weakref.ref(one) for one in (shadow, model, optimizer))
        del shadow, model, optimizer
        gc.collect()
        assert [one() for one in alive] == [None] * 3

    record(tmp_path, program, Level.BOUNDARY, state=True)


def test_gradients_that_wait_for_a_step_are_told_and_zeros_are_none(tmp_path: Path) -> None:
    def program() -> None:
        model = nn.Linear(3, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for keeps in (True, False, False):
            model(torch.ones(2, 3)).sum().backward()
            optimizer.step()
            if not keeps:
                optimizer.zero_grad(set_to_none=False)

    trace, _ = record(tmp_path, program, Level.BOUNDARY, state=True)
    assert shown(trace, StateKind.ACCUMULATION, "gradients") == [
        "none",
        "those of 2 parameters",
        "none",
    ]


class Keeper:
    """Holds what a program of its own may: a copy, a number, a generator, and what is trained."""

    def __init__(self) -> None:
        self.model = nn.Linear(3, 2)
        self.shadow = [value.detach().clone() for value in self.model.parameters()]
        self.seen = 0
        self.generator = torch.Generator().manual_seed(4)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)

    def step(self) -> None:
        x = torch.randn(2, 3, generator=self.generator)
        self.seen += 2
        self.model(x).sum().backward()
        self.optimizer.step()


def test_what_is_no_copy_is_not_taken_for_one(tmp_path: Path) -> None:
    def program() -> None:
        model = nn.Linear(3, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        weights = model.state_dict()
        for _ in range(2):
            model(torch.ones(2, 3)).sum().backward()
            gradients = [value.grad for value in model.parameters()]
            optimizer.step()
        assert len(weights) == len(gradients) == 2

    trace, _ = record(tmp_path, program, Level.BOUNDARY, state=True)
    assert told(trace, StateKind.AVERAGE) == []


def test_copies_numbers_and_generators_of_the_programs_own_objects_are_found(
    tmp_path: Path,
) -> None:
    def program() -> None:
        keeper = Keeper()
        for _ in range(2):
            keeper.step()

    trace, _ = record(tmp_path, program, Level.BOUNDARY, state=True)
    assert shown(trace, StateKind.AVERAGE, "Keeper.shadow") == ["2 tensors"]
    assert shown(trace, StateKind.PYTHON_VALUE, "Keeper.seen") == ["2", "4"]
    streams = {piece.name for piece in told(trace, StateKind.RANDOM_STREAM)}
    assert "generator Keeper.generator" in streams
