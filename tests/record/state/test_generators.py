"""The generators of loaders and datasets: which are found, and what their states are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from reproaudit.record.state.generators import generators_of, order_of, state_of, torch_state

pytestmark = [pytest.mark.seeded]

DATA = list(range(8))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_the_order_of_a_loader_is_decided_by_the_generator_it_was_given() -> None:
    own = generator()
    assert order_of(DataLoader(DATA, shuffle=True, generator=own)) == (
        "generator",
        torch_state(own),
    )
    assert order_of(DataLoader(DATA, shuffle=True)) == ("torch.cpu", torch_state())
    assert order_of(DataLoader(DATA)) is None


class Holder:
    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)


def test_generators_of_wrapped_datasets_are_found_by_the_path_to_them() -> None:
    inner = Holder(rng=np.random.RandomState(0), table=[1])
    found = dict(generators_of(Holder(dataset=inner, own=generator())))
    assert list(found) == ["dataset.own", "dataset.dataset.rng"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.random.default_rng(0),
        lambda: np.random.RandomState(0),
        generator,
        lambda: np.random.Generator(np.random.MT19937(0)),
        lambda: np.random.RandomState(np.random.PCG64(0)),
    ],
)
def test_the_state_of_a_generator_follows_from_what_was_drawn_and_from_nothing_else(
    make: Callable[[], Any],
) -> None:
    one, other = make(), make()
    assert state_of(one) == state_of(other)
    if isinstance(one, torch.Generator):
        torch.rand(1, generator=one)
    else:
        one.uniform()
    assert state_of(one) != state_of(other) == state_of(make())
