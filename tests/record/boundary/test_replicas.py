"""What is recorded for the comparison of ranks, with a group whose other rank is made up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from reproaudit.model.events import EventKind, Level
from reproaudit.trace.reader import Trace
from tests.record.recording import record

pytestmark = [
    pytest.mark.seeded,
    pytest.mark.skipif(not dist.is_available(), reason="torch without distributed"),
]


@pytest.fixture
def other_rank() -> Iterator[None]:
    fake = pytest.importorskip("torch.testing._internal.distributed.fake_pg")
    dist.init_process_group("fake", store=fake.FakeStore(), rank=0, world_size=2)
    yield
    dist.destroy_process_group()


def train(model: torch.nn.Module, wrap: bool, **options: bool) -> None:
    if wrap:
        DistributedDataParallel(model, **options)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with torch.no_grad():
        model(torch.ones(4, 2))
    for _ in range(2):
        # The made-up rank reduces nothing: no backward pass of a wrapped module ends.
        torch.ones(1, requires_grad=True).sum().backward()
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()


def list_kinds(trace: Trace, kind: EventKind) -> list[tuple[int, str, tuple[int, ...]]]:
    numbers = trace.columns.numbers(kind).tolist()
    events = [trace.tensor(number) for number in numbers]
    return [(event.step, event.name, event.ranks) for event in events]


def make_model() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False), torch.nn.BatchNorm1d(2))


def run(folder: Path, *, wrap: bool = True, **options: bool) -> Trace:
    trace, _ = record(
        folder, lambda: train(make_model(), wrap, **options), Level.BOUNDARY, steps=None
    )
    return trace


@pytest.mark.usefixtures("other_rank")
def test_what_is_wrapped_has_copies_on_the_ranks_of_its_group(tmp_path: Path) -> None:
    trace = run(tmp_path)
    (replica,) = trace.replicas()
    assert (replica.name, replica.ranks, replica.has_equal_buffers) == ("Sequential", (0, 1), True)
    names = ["0.weight", "1.weight", "1.bias"]
    for kind in (EventKind.GRADIENT, EventKind.PARAMETER):
        rows = [(step, name, (0, 1)) for step in range(2) for name in names]
        assert list_kinds(trace, kind) == rows
    # Its parameters as the optimizer first finds them, and from then on its own state.
    momenta = [(1, f"{name}.momentum_buffer", (0, 1)) for name in names]
    assert list_kinds(trace, EventKind.STATE) == [*((0, name, (0, 1)) for name in names), *momenta]
    # What rank 0 sends before each forward pass may differ after it.
    assert list_kinds(trace, EventKind.BUFFER) == []


@pytest.mark.usefixtures("other_rank")
@pytest.mark.filterwarnings("ignore:.broadcast_buffers. is deprecated:FutureWarning")
@pytest.mark.parametrize(("wrap", "ranks"), [(True, (0, 1)), (False, ())])
def test_buffers_that_nobody_sends_are_recorded(
    tmp_path: Path, wrap: bool, ranks: tuple[int, ...]
) -> None:
    options = {"broadcast_buffers": False} if wrap else {}
    trace = run(tmp_path, wrap=wrap, **options)
    names = ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
    rows = [(step, name, ranks) for step in range(2) for name in names]
    assert list_kinds(trace, EventKind.BUFFER) == rows


@pytest.mark.usefixtures("other_rank")
def test_parameters_that_are_left_out_have_no_copies(tmp_path: Path) -> None:
    def program() -> None:
        model = make_model()
        model._ddp_params_and_buffers_to_ignore = ["0.weight"]
        train(model, wrap=True)

    trace, _ = record(tmp_path, program, Level.BOUNDARY, steps=None)
    ranks = {name: ranks for _, name, ranks in list_kinds(trace, EventKind.PARAMETER)}
    assert ranks == {"0.weight": (), "1.weight": (0, 1), "1.bias": (0, 1)}


def test_a_process_that_trains_alone_records_nothing_for_ranks(tmp_path: Path) -> None:
    trace = run(tmp_path, wrap=False)
    assert [list_kinds(trace, kind) for kind in (EventKind.STATE, EventKind.BUFFER)] == [[], []]
