"""What a call runs in is put in place, and put back."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest
import torch

from reproaudit.atlas.child import surroundings as around

pytestmark = pytest.mark.seeded


def test_all_generators_start_again_from_one_state() -> None:
    drawn = []
    for _ in range(2):
        around.seed_everything()
        drawn.append((torch.rand(1).item(), float(np.random.rand()), random.random()))
    assert drawn[0] == drawn[1]


def test_a_draw_changes_the_random_state_and_a_seed_restores_it() -> None:
    around.seed_everything()
    before = around.random_state("cpu")
    torch.rand(1)
    assert around.random_state("cpu") != before
    around.seed_everything()
    assert around.random_state("cpu") == before


def test_the_number_of_threads_is_put_back_also_after_an_error() -> None:
    before = torch.get_num_threads()
    wanted = before + 1
    seen = []

    def fail() -> None:
        with around.threads(wanted):
            seen.append(torch.get_num_threads())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == [wanted]
    assert torch.get_num_threads() == before


def test_contention_on_the_cpu_is_four_threads_per_core() -> None:
    assert around.count_crowding("cpu") == 4 * (os.cpu_count() or 1)
