"""Whether DataLoader workers and forked children draw the same in each run, and a well seeded
loader stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import is_repaired, is_untouched, run

LOADER = """
import random, time
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

class Noise(Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, index):
        return [np.random.rand(), random.random(), torch.rand(1).item()]

def from_the_clock(worker_id):
    random.seed(time.time_ns())
    np.random.seed(time.time_ns() % 2**32)
    torch.manual_seed(time.time_ns())

def from_the_system(worker_id):
    random.seed()
    np.random.seed()
    torch.seed()

def by_the_recipe(worker_id):
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)

def of_no_effect(worker_id):
    torch.rand(1)

if __name__ == "__main__":
    torch.manual_seed(0)
    for sample in DataLoader(
        Noise(), batch_size=None, num_workers=2, worker_init_fn={init},
        multiprocessing_context="{method}"
    ):
        print(*sample)
"""
FORK = """
import os, random
import numpy as np
for _ in range(2):
    child = os.fork()
    if not child:
        print(random.random(), np.random.rand(), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def loader(init: str, method: str) -> str:
    return LOADER.replace("{init}", init).replace("{method}", method)


@pytest.mark.slow
@pytest.mark.parametrize("init", ["from_the_clock", "from_the_system"])
def test_workers_that_are_seeded_by_chance_draw_the_same_in_each_run(
    tmp_path: Path, init: str
) -> None:
    source = loader(init, "fork")
    assert is_repaired(tmp_path, source, "workers.seed")
    lines = run(tmp_path, source, "workers.seed").splitlines()
    assert len(set(lines)) == len(lines)


@pytest.mark.slow
@pytest.mark.parametrize("init", ["by_the_recipe", "of_no_effect", "None"])
def test_workers_that_draw_the_same_anyway_draw_what_they_did(tmp_path: Path, init: str) -> None:
    assert is_untouched(tmp_path, loader(init, "fork"), "workers.seed")


@pytest.mark.slow
def test_a_spawned_worker_draws_what_a_forked_one_does(tmp_path: Path) -> None:
    init = "from_the_system"
    assert run(tmp_path, loader(init, "spawn"), "workers.seed") == run(
        tmp_path, loader(init, "fork"), "workers.seed"
    )


def test_forked_children_draw_the_same_in_each_run_and_not_all_alike(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, FORK, "workers.seed")
    drawn = run(tmp_path, FORK, "workers.seed").split()
    assert len(set(drawn)) == len(drawn)
