"""Memory that came from outside PyTorch and changed without an op."""

from __future__ import annotations

import numpy as np
import torch

from reproaudit.record.digest.tensors import digest
from reproaudit.record.operation.births import Births


def follow(births: Births, tensor: torch.Tensor, event: int) -> None:
    found = digest(tensor)
    assert found is not None
    births.add([tensor], [found], event)


def find_changed(births: Births, tensor: torch.Tensor) -> int | None:
    found = digest(tensor)
    assert found is not None
    return births.find_changed([tensor], [found])


def test_an_array_that_changes_under_its_tensor_names_the_event_that_brought_it_in() -> None:
    births = Births()
    array = np.zeros(4)
    tensor = torch.from_numpy(array)
    follow(births, tensor, 7)
    assert find_changed(births, tensor) is None
    array[2] = 1
    assert find_changed(births, tensor) == 7


def test_what_an_op_wrote_is_followed_no_more() -> None:
    births = Births()
    array = np.zeros(4)
    tensor = torch.from_numpy(array)
    follow(births, tensor, 7)
    births.end([tensor[:2]])
    array[2] = 1
    assert find_changed(births, tensor) is None


def test_a_view_is_not_compared_with_the_digest_of_the_whole() -> None:
    births = Births()
    tensor = torch.from_numpy(np.arange(6.0))
    follow(births, tensor, 7)
    assert find_changed(births, tensor[2:]) is None


def test_a_single_number_has_no_array_to_share() -> None:
    births = Births()
    follow(births, torch.ones(1), 7)
    assert births.followed == {}


def test_memory_that_another_thread_wrote_names_its_write_until_the_reader_writes_it_itself() -> (
    None
):
    births = Births()
    tensor = torch.zeros(4)
    births.add_write([tensor], 5, 0)
    assert not births.is_following, "one thread alone races with nobody"
    births.add_write([tensor], 6, 1)
    assert births.find_changed([tensor[:2]], [(0, 0)], 0) == 6
    assert births.find_changed([tensor], [(0, 0)], 1) is None
    births.end([tensor])
    births.add_write([tensor], 8, 0)
    assert births.find_changed([tensor], [(0, 0)], 0) is None
    assert births.find_changed([tensor], [(0, 0)], 1) == 8
