"""Which draws are marked as coming after one of another thread from the same generator."""

from __future__ import annotations

import threading
from pathlib import Path

import torch

from reproaudit.model.events import EventFlag
from tests.record.recording import operations, record


def run_in_thread(draw: object) -> None:
    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()


def test_a_draw_after_one_of_another_thread_is_marked_and_only_where_both_share_the_generator(
    tmp_path: Path,
) -> None:
    def program() -> None:
        shared, other = (torch.Generator().manual_seed(1) for _ in range(2))

        def draw() -> None:
            torch.rand(2, generator=shared)

        run_in_thread(draw)
        run_in_thread(draw)
        draw()
        draw()
        # Seeded alike, and yet another generator.
        run_in_thread(lambda: torch.rand(2, generator=other))

    draws = operations(record(tmp_path, program)[0], "aten::rand")
    assert all(EventFlag.OWN_GENERATOR in draw.flags for draw in draws)
    assert [EventFlag.IN_TURNS in draw.flags for draw in draws] == [False, True, True, False, False]


def test_generators_that_are_made_and_dropped_are_never_taken_for_one_another(
    tmp_path: Path,
) -> None:
    def program() -> None:
        for _ in range(600):
            torch.rand(1, generator=torch.Generator())
        run_in_thread(lambda: [torch.rand(1, generator=torch.Generator()) for _ in range(600)])
        for _ in range(600):
            torch.rand(1, generator=torch.Generator())

    draws = operations(record(tmp_path, program)[0], "aten::rand")
    assert len(draws) == 1800
    assert not any(EventFlag.IN_TURNS in draw.flags for draw in draws)
