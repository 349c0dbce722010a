"""Methods of types that refuse assignment are exchanged in the type itself, and put back."""

from __future__ import annotations

import datetime

import pytest

from reproaudit.record.hooks.fixed_types import is_fixed, replace_member
from reproaudit.record.hooks.patching import Patches


class Ordinary:
    def name(self) -> str:
        return "first"


@pytest.mark.parametrize(
    ("owner", "expected"),
    [(datetime.datetime, True), (int, True), (Ordinary, False), (datetime, False)],
)
def test_a_type_written_in_c_is_fixed(owner: object, expected: bool) -> None:
    assert is_fixed(owner) is expected


def test_a_method_of_a_fixed_type_is_replaced_and_the_type_stays_the_same() -> None:
    kind, before = datetime.timedelta, vars(datetime.timedelta)["total_seconds"]
    patches = Patches()
    replace_member(patches, kind, "total_seconds", lambda self: -1.0)
    try:
        assert datetime.timedelta(seconds=3).total_seconds() == -1.0
        assert datetime.timedelta is kind
    finally:
        patches.undo()
    assert vars(kind)["total_seconds"] is before
    assert datetime.timedelta(seconds=3).total_seconds() == 3.0


def test_a_method_of_an_ordinary_class_is_replaced_as_any_attribute() -> None:
    patches = Patches()
    replace_member(patches, Ordinary, "name", lambda self: "second")
    assert Ordinary().name() == "second"
    patches.undo()
    assert Ordinary().name() == "first"
