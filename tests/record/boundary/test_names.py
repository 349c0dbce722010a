"""Names of modules and parameters, as the user would write them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from reproaudit.record.boundary.names import Names


@pytest.mark.seeded
def test_a_root_is_called_by_its_class_and_what_it_holds_by_its_path() -> None:
    names = Names()
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 1)))
    assert names.root(model) == "Sequential"
    assert names.path(model[1][0]) == "1.0"  # type: ignore[index]
    assert names.parameter(model[0].weight) == "0.weight"


@pytest.mark.seeded
def test_roots_of_one_class_are_numbered_in_the_order_of_their_first_calls() -> None:
    names = Names()
    first, second = nn.Linear(1, 1), nn.Linear(1, 1)
    assert [names.root(first), names.root(second)] == ["Linear", "Linear#2"]
    assert names.root(first) == "Linear"


@pytest.mark.seeded
def test_a_name_that_two_roots_share_is_told_apart_by_the_root() -> None:
    names = Names()
    first, second = nn.Linear(1, 1), nn.Linear(1, 1)
    names.root(first)
    names.root(second)
    assert names.parameter(first.weight) == "weight"
    assert names.parameter(second.weight) == "Linear#2.weight"


def test_a_tensor_that_no_called_module_owns_has_no_name() -> None:
    assert Names().parameter(torch.ones(1)) is None
