"""Whose message is taken, and when, once the repair is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import Work

from reproaudit.record.repairs import Reach, message_turns
from tests.record.repairs.running import reach_here


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    store = (tmp_path / "store").as_uri()
    dist.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    try:
        yield
    finally:
        dist.destroy_process_group()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Nothing has arrived before it was waited for; return what was."""
    waited: list[Any] = []

    def wait(work: Any) -> None:
        waited.append(work)

    def is_completed(work: Any) -> bool:
        return work in waited

    monkeypatch.setattr(Work, "wait", wait)
    monkeypatch.setattr(Work, "is_completed", is_completed)
    return waited


def test_a_program_that_asks_what_has_arrived_waits_for_it(group: None, waits: list[Any]) -> None:
    with reach_here() as reach:
        message_turns.install(reach)
        work = dist.all_reduce(torch.ones(3), async_op=True)
        assert not waits
        assert work.is_completed()  # type: ignore[union-attr]
    assert waits == [work]


def test_pytorch_and_the_recorder_ask_without_waiting(group: None, waits: list[Any]) -> None:
    with reach_here() as reach:
        of_others = Reach(
            patches=reach.patches,
            is_program=lambda depth: False,
            when_imported=reach.when_imported,
            after_fork=reach.after_fork,
        )
        message_turns.install(of_others)
        work = dist.all_reduce(torch.ones(3), async_op=True)
        assert not work.is_completed()  # type: ignore[union-attr]
    assert not waits


def test_what_may_come_from_any_rank_is_taken_from_each_other_rank_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int | None] = []

    def receive(tensor: Any, src: int | None = None, group: Any = None, tag: int = 0) -> None:
        asked.append(src)

    monkeypatch.setattr(dist, "recv", receive)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_process_group_ranks", lambda group: [0, 1, 2])
    with reach_here() as reach:
        message_turns.install(reach)
        for _ in range(3):
            dist.recv(torch.ones(1))
        dist.recv(torch.ones(1), 2)
        dist.recv(torch.ones(1), src=0)
    assert asked == [0, 2, 0, 2, 0]
