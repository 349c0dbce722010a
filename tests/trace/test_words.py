"""The names that the recorder writes and the comparison reads."""

from __future__ import annotations

import os

import pytest

from reproaudit.trace import words


@pytest.mark.parametrize("name", ["loss", "loss[0]", "loss[12]"])
def test_each_root_of_a_backward_pass_is_a_loss(name: str) -> None:
    assert words.is_loss(name)


@pytest.mark.parametrize("name", ["", "losses", "loss_scale", "my_loss", "logits"])
def test_an_output_that_only_sounds_like_a_loss_is_none(name: str) -> None:
    assert not words.is_loss(name)


def test_no_prefix_of_a_stream_begins_another() -> None:
    prefixes = [
        words.STREAM_PREFIX,
        words.EPOCH_PREFIX,
        words.WORKER_PREFIX,
        words.LATE_SEED_PREFIX,
    ]
    for prefix in prefixes:
        assert [other for other in prefixes if other.startswith(prefix)] == [prefix]


def test_the_recorders_exit_codes_are_those_of_the_system() -> None:
    assert (words.EXIT_USAGE, words.EXIT_SOFTWARE) == (os.EX_USAGE, os.EX_SOFTWARE)
