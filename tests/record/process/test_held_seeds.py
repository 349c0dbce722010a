"""Calls that seed are given what they were given in another run."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch.utils.data.distributed import DistributedSampler

from reproaudit.config.held_seed import SEEDED_SAMPLER, HeldSeed
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.held_seeds import HeldSeeds

NAMES = (
    "random.seed",
    "random.Random",
    "random.Random.seed",
    "numpy.random.seed",
    "numpy.random.RandomState",
    "numpy.random.default_rng",
    "torch.manual_seed",
    "torch.Generator.manual_seed",
    SEEDED_SAMPLER,
)


@pytest.fixture
def held() -> Iterator[None]:
    """While it lasts, 2 stands for 1, and 1 for 0: as where a program takes one off its seed."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    patches = Patches()
    table = [HeldSeed(name, "(2,)", "(1,)") for name in NAMES]
    table += [HeldSeed(name, "(1,)", "(0,)") for name in NAMES]
    HeldSeeds(patches, table).install(lambda name, action: action())
    yield
    patches.undo()
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


def order_of(seed: int) -> list[int]:
    sampler = DistributedSampler(range(9), num_replicas=1, rank=0, seed=seed)  # type: ignore[arg-type]
    return list(sampler)


def draw_python(seed: int) -> object:
    random.seed(seed)
    return random.random()


def draw_numpy(seed: int) -> object:
    np.random.seed(seed)
    return np.random.rand()


def draw_torch(seed: int) -> object:
    torch.manual_seed(seed)
    return torch.rand(()).item()


def draw_device(seed: int) -> object:
    return torch.rand((), generator=torch.Generator().manual_seed(seed)).item()


DRAWS: dict[str, Callable[[int], object]] = {
    "python": draw_python,
    "own python": lambda seed: random.Random(seed).random(),
    "numpy": draw_numpy,
    "numpy state": lambda seed: np.random.RandomState(seed).rand(),
    "numpy generator": lambda seed: np.random.default_rng(seed=seed).random(),
    "torch": draw_torch,
    "torch generator": draw_device,
    "sampler of ranks": order_of,
}
# Made before anything is held.
EXPECTED = {name: draw(1) for name, draw in DRAWS.items()}


@pytest.mark.parametrize("name", DRAWS)
def test_a_stream_begins_where_another_seed_has_it_begin(held: None, name: str) -> None:
    # One seeding is made of others, which are not held once more.
    assert DRAWS[name](2) == EXPECTED[name]


def test_an_argument_that_is_not_in_the_table_passes_as_it_is(held: None) -> None:
    assert draw_torch(7) != draw_torch(2)
    torch.manual_seed(7)
    assert torch.initial_seed() == 7
