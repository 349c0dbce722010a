"""What is told of an object that a program saves."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from reproaudit.record.digest.tensors import digest
from reproaudit.record.state import rng
from reproaudit.record.state.generators import state_of
from reproaudit.record.training_state.contents import index_contents
from reproaudit.record.training_state.plain import digest_plain, digest_plain_part


def test_the_states_of_all_global_streams_are_known_in_what_is_saved() -> None:
    saved = {
        "rng": [torch.get_rng_state(), {"numpy": np.random.get_state()}],
        "python": random.getstate(),
    }
    found = index_contents(saved).digests
    assert rng.generator_state(torch.default_generator) in found
    assert rng.python_state() in found
    assert rng.numpy_state() in found


def test_the_state_of_a_generator_of_numpys_own_is_known() -> None:
    generator = np.random.default_rng(3)
    found = index_contents({"g": generator.bit_generator.state}).digests
    assert state_of(generator) in found


def test_another_state_of_a_stream_is_not_taken_for_the_present_one() -> None:
    generator = torch.Generator().manual_seed(1)
    saved = generator.get_state()
    torch.rand(1, generator=generator)
    assert rng.generator_state(generator) not in index_contents([saved]).digests


def test_tensors_are_found_however_deep_they_lie() -> None:
    tensor = torch.arange(6.0)
    assert digest(tensor) in index_contents({"a": [{"b": (0, tensor)}]}).digests


def test_a_number_is_known_by_its_key_and_its_value() -> None:
    contents = index_contents({"state": {"step": 7}})
    assert contents.has_value("Trainer.step", digest_plain(7))
    assert contents.has_value("main.state['step']", digest_plain(7))
    assert not contents.has_value("Trainer.step", digest_plain(8))
    assert not contents.has_value("Trainer.epoch", digest_plain(7))


def test_a_container_that_holds_itself_has_an_end() -> None:
    circle: list[object] = [torch.ones(2)]
    circle.append(circle)
    assert digest(torch.ones(2)) in index_contents(circle).digests


@pytest.mark.parametrize("other", [{"b": 2, "a": 1}, {"a": 1, "b": 2, "f": len}])
def test_the_plain_part_of_a_dict_knows_neither_order_nor_code(other: dict[str, object]) -> None:
    assert digest_plain_part(other) == digest_plain_part({"a": 1, "b": 2})


def test_a_dict_without_plain_values_has_no_plain_part() -> None:
    assert digest_plain_part({"f": len, 1: 2}) is None
