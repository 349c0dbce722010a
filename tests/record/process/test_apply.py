"""A run's settings become the calls that they name."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from reproaudit.config.settings import Settings
from reproaudit.record.process.apply import apply_before_torch, apply_to_numpy, apply_to_torch

pytestmark = pytest.mark.seeded


def test_a_seed_is_given_to_each_library() -> None:
    settings = Settings(seed=5)
    drawn = []
    for _ in range(2):
        apply_before_torch(settings)
        apply_to_numpy(settings)
        apply_to_torch(settings)
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert drawn[0] == drawn[1]
    assert drawn[0][1] == np.random.RandomState(5).rand()


def test_what_is_not_set_is_left_as_the_program_finds_it() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    state = torch.get_rng_state()
    apply_to_torch(Settings())
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before
    assert torch.equal(torch.get_rng_state(), state)
