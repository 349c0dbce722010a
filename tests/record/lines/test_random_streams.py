"""Which global random streams a statement drew from."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reproaudit.record.lines.random_streams import RandomStreams
from tests.record.lines.following import follow, told


def test_a_draw_is_told_once_at_the_innermost_line_of_the_program(tmp_path: Path) -> None:
    def draw() -> float:
        return random.random() + torch.rand(1).item()

    def program() -> float:
        before = 1
        drawn = draw() + before
        random.shuffle([1, 2, 3])
        return drawn

    python, numpy_and_torch = random.getstate(), torch.get_rng_state()
    trace = follow(tmp_path, program)
    random.setstate(python)
    torch.set_rng_state(numpy_and_torch)
    assert [row for row in told(trace, draw) if row[1].startswith("stream:")] == [
        (1, "stream:python"),
        (1, "stream:torch"),
    ]
    assert [row for row in told(trace, program) if row[1].startswith("stream:")] == [
        (3, "stream:python")
    ]


@pytest.mark.seeded
def test_each_stream_that_moved_is_found_once_with_the_state_it_had() -> None:
    streams = RandomStreams()
    assert streams.find_moves() == []
    random.random()
    first = streams.find_moves()
    np.random.rand()
    torch.rand(1)
    random.random()
    second = streams.find_moves()
    assert [move.name for move in first] == ["python"]
    assert [move.name for move in second] == ["python", "numpy", "torch"]
    assert second[0].before == first[0].after
    assert streams.find_moves() == []


@pytest.mark.seeded
def test_a_stream_of_numpy_that_another_thread_uses_is_not_waited_for() -> None:
    streams = RandomStreams()
    streams.find_moves()
    np.random.rand()
    is_held, may_end = threading.Event(), threading.Event()

    class Items(list[int]):
        """What a shuffle calls while it holds the stream's lock."""

        def __setitem__(self, index: Any, value: Any) -> None:
            is_held.set()
            may_end.wait(60)
            super().__setitem__(index, value)

    shuffling = threading.Thread(target=np.random.shuffle, args=(Items([1, 2, 3]),))
    shuffling.start()
    assert is_held.wait(60)
    assert streams.find_moves() == []
    may_end.set()
    shuffling.join()
    assert [move.name for move in streams.find_moves()] == ["numpy"]
