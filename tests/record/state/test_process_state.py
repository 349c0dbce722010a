"""Random streams and flags of the process are put back as they were captured."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from reproaudit.record.state.process_state import ProcessState, seed_streams


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), torch.rand(1).item()


@pytest.mark.seeded
def test_streams_go_on_from_where_they_were_captured() -> None:
    state = ProcessState.capture()
    first = draw()
    assert draw() != first
    state.restore()
    assert draw() == first


@pytest.mark.seeded
def test_a_seed_decides_every_stream() -> None:
    seed_streams(3)
    first = draw()
    seed_streams(3)
    assert draw() == first
    seed_streams(4)
    assert not set(draw()) & set(first)


def test_flags_are_put_back_whatever_was_set_meanwhile() -> None:
    state = ProcessState.capture()
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_grad_enabled(False)
    state.restore()
    assert torch.get_num_threads() == threads
    assert torch.get_default_dtype() is torch.float32
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert torch.is_grad_enabled()


@pytest.mark.seeded
def test_a_state_without_flags_leaves_the_flags_alone() -> None:
    state = ProcessState.capture(with_flags=False)
    first = draw()
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        state.restore_streams()
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(before)
    assert draw() == first
