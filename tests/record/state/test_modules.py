"""The state of one module, as it is held now."""

from __future__ import annotations

import pytest
import torch

from reproaudit.record.state.modules import children_of, state_of

pytestmark = pytest.mark.seeded


def test_a_module_s_own_state_is_seen_without_its_children() -> None:
    outer = torch.nn.Sequential(torch.nn.BatchNorm1d(2))
    outer.register_buffer("cache", torch.zeros(1), persistent=False)
    state = state_of(outer)
    assert state is not None
    assert (list(state.parameters), list(state.buffers)) == ([], ["cache"])
    assert state.transient == {"cache"}
    assert list(children_of(outer)) == ["0"]


def test_what_replaces_a_parameter_is_seen_where_the_first_one_was() -> None:
    layer = torch.nn.Linear(1, 1)
    state = state_of(layer)
    assert state is not None
    other = torch.nn.Parameter(torch.ones(1, 1))
    layer.weight = other
    assert state.parameters["weight"] is other


def test_a_module_that_was_never_begun_has_no_state() -> None:
    module = torch.nn.Module.__new__(torch.nn.Module)
    assert state_of(module) is None
    assert children_of(module) == {}
