"""What is recorded of calls that draw numbers or seed generators."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from reproaudit.record.outside.random_calls import (
    list_numpy_calls,
    list_python_calls,
    list_torch_calls,
)
from reproaudit.record.outside.watched_calls import RecordedValue, WatchedCall
from reproaudit.record.state import rng


def find(calls: Iterator[WatchedCall], name: str) -> WatchedCall:
    return next(call for call in calls if call.name == name)


def read_value(call: WatchedCall, result: Any, args: Any) -> Any:
    assert call.value is not None
    return call.value(result, args, {})


@pytest.mark.seeded
def test_a_seeding_is_recorded_by_its_seed_or_by_the_state_that_it_led_to() -> None:
    call = find(list_python_calls(), "random.seed")
    assert read_value(call, None, (7,)) == (7,)
    unseeded = read_value(call, None, ())
    assert unseeded == RecordedValue("no seed", repr(random.getstate()).encode())


def test_draws_of_the_global_generators_are_recorded_with_the_state_before_them() -> None:
    assert find(list_python_calls(), "random.shuffle").state is rng.python_state
    assert find(list_numpy_calls(), "numpy.random.permutation").state is rng.numpy_state


def test_setting_the_state_of_numpy_is_no_draw() -> None:
    names = {call.name for call in list_numpy_calls()}
    assert "numpy.random.rand" in names
    assert "numpy.random.set_state" not in names


def test_a_generator_of_the_system_has_no_seed_to_record() -> None:
    counts = find(list_python_calls(), "random.Random.seed").counts
    assert counts is not None
    assert counts((random.Random(0),), {})
    assert not counts((random.SystemRandom(),), {})


def test_a_generator_that_default_rng_passes_through_is_no_seed() -> None:
    call = find(list_numpy_calls(), "numpy.random.default_rng")
    assert read_value(call, None, (3,)) == (3,)
    assert read_value(call, None, (np.random.default_rng(0),)) is None


def test_an_array_is_recorded_by_its_bytes_and_not_by_its_rounded_text() -> None:
    call = find(list_numpy_calls(), "numpy.random.rand")
    array = np.array([0.1 + 1e-15])
    assert read_value(call, array, ()) == array.tobytes()


def test_torch_seeded_without_a_number_is_recorded_as_such() -> None:
    call = find(list_torch_calls(), "torch.manual_seed")
    assert read_value(call, None, (5,)) == (5,)
    assert read_value(call, None, ()) == (None,)


def test_the_seed_of_a_generator_of_torch_is_recorded_without_the_generator() -> None:
    call = find(list_torch_calls(), "torch.Generator.manual_seed")
    generator = object()
    assert read_value(call, generator, (generator, 5)) == (5,)
