"""Lines of the program around a place."""

from __future__ import annotations

from reproaudit.model.events import Location
from reproaudit.model.excerpt import Excerpt
from reproaudit.report.excerpts import show_excerpt
from tests.report.drawn import CONTROL, EXCERPT


def test_the_lines_around_a_place_are_numbered_and_one_is_meant() -> None:
    lines = show_excerpt(Location("train.py", 38, "main"), (EXCERPT,))
    assert [line.number for line in lines] == [36, 37, 38, 39, 40, 41]
    assert [line.text for line in lines if line.is_meant] == ["line_38 = 38"]


def test_no_empty_lines_stand_at_the_ends() -> None:
    lines = show_excerpt(Location("train.py", 40), (EXCERPT,))
    assert [line.number for line in lines] == [36, 37, 38, 39, 40, 41]
    assert show_excerpt(Location("train.py", 41), (EXCERPT,))[-1].number == 45
    assert show_excerpt(Location("train.py", 43), (Excerpt("train.py", 43, ("",)),))[0].is_meant


def test_a_place_without_an_excerpt_shows_nothing() -> None:
    for place in (None, Location("other.py", 38), Location("train.py", 99), Location("t", 3)):
        assert show_excerpt(place, (EXCERPT,)) == []
    assert show_excerpt(Location("train.py", 38, cell=2), (EXCERPT,)) == []


def test_lines_are_escaped_and_tabs_stay() -> None:
    (line,) = show_excerpt(Location("a", 1), (Excerpt("a", 1, ("\tx" + CONTROL,)),))
    assert line.text == "\tx\\x1b[31m\\u202e:smile:\\n"
