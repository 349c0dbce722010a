"""What is recorded where DataLoaders and seeds meet random streams; workers are covered by
explain/test_misuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, SubsetRandomSampler
from torch.utils.data.distributed import DistributedSampler

from reproaudit.model.events import Level
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import Digest
from tests.record.recording import record

pytestmark = [pytest.mark.seeded]

DATA = list(range(8))


def epochs(trace: Trace) -> list[tuple[str, Digest]]:
    return [(epoch.stream, epoch.state) for epoch in trace.epochs()]


def iterate(loader: Any, times: int = 2, seed: int | None = None) -> Callable[[], list[Any]]:
    def program() -> list[Any]:
        seen = []
        for _ in range(times):
            if seed is not None:
                torch.manual_seed(seed)
            seen.append([batch.tolist() for batch in loader])
        return seen

    return program


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("loader", "stream"),
    [
        (DataLoader(DATA, shuffle=True), "torch.cpu"),
        (DataLoader(DATA, shuffle=True, generator=generator()), "generator"),
        (DataLoader(DATA, sampler=SubsetRandomSampler(DATA, generator=generator())), "generator"),
        (DataLoader(DATA, sampler=DistributedSampler(DATA, 1, 0)), "DistributedSampler"),
    ],
)
def test_an_epoch_is_recorded_with_what_decides_its_order(
    tmp_path: Path, loader: Any, stream: str
) -> None:
    trace, _ = record(tmp_path, iterate(loader))
    (one, first), (other, second) = epochs(trace)
    assert one == other == stream
    # Only DistributedSampler has to be told of the epoch; nobody has done so.
    assert (first == second) is (stream == "DistributedSampler")


def test_epochs_from_one_state_are_recorded_as_such(tmp_path: Path) -> None:
    trace, (first, second) = record(tmp_path, iterate(DataLoader(DATA, shuffle=True), seed=3))
    (_, one), (_, other) = epochs(trace)
    assert first == second
    assert one == other


def test_a_loader_with_a_fixed_order_starts_no_stream(tmp_path: Path) -> None:
    trace, _ = record(tmp_path, iterate(DataLoader(DATA)))
    assert epochs(trace) == []


def test_an_evaluation_is_not_looked_at(tmp_path: Path) -> None:
    trace, _ = record(tmp_path, torch.no_grad()(iterate(DataLoader(DATA, shuffle=True))))
    assert epochs(trace) == []


def test_looking_at_streams_draws_nothing(tmp_path: Path) -> None:
    program = iterate(DataLoader(DATA, shuffle=True))
    torch.manual_seed(0)
    plain, after_plain = program(), torch.get_rng_state()
    torch.manual_seed(0)
    trace, recorded = record(tmp_path, program)
    assert recorded == plain
    assert torch.equal(torch.get_rng_state(), after_plain)
    assert len(epochs(trace)) == 2


@pytest.mark.parametrize("alerts", [True, False])
@pytest.mark.parametrize(
    ("program", "streams"),
    [
        (lambda: (torch.rand(1), torch.manual_seed(0)), ["torch"]),
        (lambda: (np.random.rand(), np.random.seed(0)), ["numpy"]),
        (lambda: (torch.manual_seed(0), torch.rand(1), torch.manual_seed(0)), []),
        (lambda: (np.random.rand(), torch.manual_seed(0)), []),
        (
            lambda: (
                torch.set_rng_state(torch.get_rng_state()),
                torch.rand(1),
                torch.manual_seed(0),
            ),
            [],
        ),
    ],
)
def test_only_the_first_seed_of_a_stream_can_come_too_late(
    tmp_path: Path, program: Callable[[], Any], streams: list[str], alerts: bool
) -> None:
    trace, _ = record(tmp_path, program, alerts=alerts)
    assert [late.stream for late in trace.late_seeds()] == streams


def test_streams_are_watched_at_boundary_level_too_unless_nothing_outside_is(
    tmp_path: Path,
) -> None:
    program = iterate(DataLoader(DATA, shuffle=True))
    trace, _ = record(tmp_path, program, level=Level.BOUNDARY)
    assert [stream for stream, _ in epochs(trace)] == ["torch.cpu"] * 2
    trace, _ = record(tmp_path, program, level=Level.BOUNDARY, outside=False)
    assert epochs(trace) == []
