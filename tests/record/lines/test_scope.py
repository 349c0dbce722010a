"""Reading the variables of a frame leaves nothing in the frame."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

from reproaudit.record.lines.scope import data_digest
from tests.record.recording import record


def test_an_object_dies_when_the_program_lets_it_go(tmp_path: Path) -> None:
    class Thing:
        pass

    def program() -> bool:
        thing = Thing()
        seen = weakref.ref(thing)
        del thing
        return seen() is None  # with the next line it would go anyhow

    assert record(tmp_path, program, lines=True)[1] is True


def test_a_dictionary_of_locals_does_not_change_behind_the_program_s_back(tmp_path: Path) -> None:
    def program(given: int = 1) -> dict[str, int]:
        kept = locals()
        later = given  # a debugger would put it into the dictionary
        return dict(kept)

    assert record(tmp_path, program, lines=True)[1] == {"given": 1}


def test_a_closure_s_variable_keeps_what_is_put_into_it(tmp_path: Path) -> None:
    def program() -> int:
        count = 0

        def add() -> None:
            nonlocal count
            count += 1

        add()
        add()
        return count

    assert record(tmp_path, program, lines=True)[1] == 2


def test_modules_functions_and_classes_are_no_data() -> None:
    def function() -> None:
        return None

    values: list[Any] = [None, weakref, function, len, [].append, Path]
    assert [data_digest(value) for value in values] == [None] * 6
    assert data_digest(1) is not None


def test_short_plain_values_are_kept_as_text(tmp_path: Path) -> None:
    class Odd(str):
        def __repr__(self) -> str:
            raise AssertionError("no code of the program runs")

    def program() -> int:
        name = "cat"
        number = 7
        text = "x" * 100
        odd = Odd("cat")
        return len(name) + number + len(text) + len(odd)

    trace, _ = record(tmp_path, program, lines=True)
    shown = {line.name: line.shown for line in trace.lines()}
    assert (shown["name"], shown["number"], shown["text"], shown["odd"]) == ("'cat'", "7", "", "")
