"""What an object holds in its attributes."""

from __future__ import annotations

import threading
from typing import Any

import torch

from reproaudit.record.digest.attributes import keeps_private, read_attributes


class Base:
    __slots__ = ("__dict__", "empty", "full")

    def __init__(self) -> None:
        self.full = 1
        self.plain = 2


class Hidden(Base):
    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError("the program's own code was called")


def test_attributes_are_those_of_the_dictionary_and_of_the_slots_that_are_filled() -> None:
    assert read_attributes(Base(), Base) == {"full": 1, "plain": 2}


def test_attributes_are_read_without_calling_the_object() -> None:
    value = Hidden.__new__(Hidden)
    object.__setattr__(value, "plain", 3)
    assert read_attributes(value, Hidden) == {"plain": 3}


def test_an_object_of_the_standard_library_has_no_attributes_of_the_user_s() -> None:
    lock = threading.Condition()
    assert read_attributes(lock, threading.Condition) == {}


def test_private_attributes_are_the_library_s_where_a_class_of_it_is_among_the_bases() -> None:
    class OfTorch(torch.nn.Module):
        pass

    assert keeps_private(OfTorch)
    assert not keeps_private(Base)
