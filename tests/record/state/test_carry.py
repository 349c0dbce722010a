"""Memory that a repetition reads and an earlier one wrote is found, with both lines."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from reproaudit.record.state.carry import find_carried

HERE = Path(__file__)


def test_a_buffer_that_the_first_time_wrote_and_the_second_read_is_carried() -> None:
    total = torch.zeros(3)

    def body() -> None:
        total.add_(1)

    line = body.__code__.co_firstlineno + 1
    (carried,) = find_carried(body, str(HERE.parent))
    assert (carried.read_by, carried.written_by) == ("aten::add_.Tensor", "aten::add_.Tensor")
    for location in (carried.read_at, carried.written_at):
        assert location is not None
        assert (location.path, location.line) == (HERE.name, line)


def test_memory_that_each_time_makes_itself_carries_nothing() -> None:
    given = torch.ones(3)

    def body() -> None:
        own = given * 2
        own.add_(given)

    assert find_carried(body, str(HERE.parent)) == ()


def test_what_the_code_raises_goes_on() -> None:
    def body() -> None:
        raise LookupError("its own")

    with pytest.raises(LookupError, match="its own"):
        find_carried(body, str(HERE.parent))
