"""A private name is looked up once; one that is missing has a stand-in and says what is lost."""

from __future__ import annotations

import collections

import pytest

from reproaudit.record.hooks.lookup import Names, Need, resolve


def test_a_name_that_is_there_is_found_through_modules_that_nobody_has_imported() -> None:
    assert resolve("xml.dom.minidom.parse").__name__ == "parse"


@pytest.mark.parametrize(
    ("path", "error"),
    [("textwrap.nothing", AttributeError), ("xml.nothing.parse", ImportError)],
)
def test_a_name_that_is_not_there_is_said_to_be_none(path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        resolve(path)


def test_a_missing_name_has_its_stand_in_and_is_listed_for_those_who_need_it() -> None:
    names = Names()
    assert names.find("collections.nothing", 7, lost="counts", need=Need.OPERATIONS) == 7
    assert names.find("collections.Counter", 7, lost="sums") is collections.Counter
    assert [name.lost for name in names.missing(Need.OPERATIONS)] == ["counts"]
    assert names.missing(Need.EVERY_RUN) == []


def test_a_missing_name_without_a_loss_is_not_listed() -> None:
    names = Names()
    names.find("collections.nothing", 7)
    assert [name.is_there for name in names] == [False]
    assert names.missing(*Need) == []


def test_a_name_is_looked_up_once() -> None:
    names = Names()
    names.find("collections.Counter", 7)
    with pytest.raises(ValueError, match="looked up twice"):
        names.find("collections.Counter", 7)


def test_replacing_at_a_place_that_is_not_there_changes_nothing() -> None:
    place = Names().find_place("collections.nothing", len)
    assert place.value is len
    setattr(place.owner, place.name, max)
    assert not hasattr(collections, "nothing")


def test_replacing_at_a_place_reaches_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Names().find_place("collections.Counter", dict)
    monkeypatch.setattr(place.owner, place.name, dict)
    assert collections.Counter is dict
