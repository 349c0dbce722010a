"""Sets become dicts, which keep an order; the edited programs are run."""

from __future__ import annotations

from textwrap import dedent

import pytest

from reproaudit.patches.program_text import ProgramText
from reproaudit.patches.set_edits import order_sets


def edit(source: str) -> str:
    program = ProgramText(dedent(source))
    return program.apply(order_sets(program))


def run(source: str) -> list[str]:
    """Return `seen` of the edited program."""
    names: dict[str, list[str]] = {"seen": []}
    exec(edit(source), names)
    return names["seen"]


@pytest.mark.parametrize(
    ("made", "dict_made"),
    [
        ("{p for p in parts}", "dict.fromkeys(p for p in parts)"),
        ("{a, b}", "dict.fromkeys([a, b])"),
        ("set(parts)", "dict.fromkeys(parts)"),
        ("frozenset(parts)", "dict.fromkeys(parts)"),
        ("set(p for p in parts if p)", "dict.fromkeys(p for p in parts if p)"),
        ("set()", "{}"),
        (
            "set(net.parts()) - plain",
            "dict.fromkeys(item for item in net.parts() if item not in plain)",
        ),
    ],
)
@pytest.mark.parametrize("assignment", ["kept = {}\n", "kept: object = {}\n"])
def test_a_set_that_a_name_was_given_becomes_a_dict(
    made: str, dict_made: str, assignment: str
) -> None:
    use = "for part in kept:\n    pass\n"
    assert edit(assignment.format(made) + use) == assignment.format(dict_made) + use


def test_a_set_in_place_becomes_a_dict() -> None:
    assert edit("total = sum(list({a, b}))\n") == "total = sum(list(dict.fromkeys([a, b])))\n"


def test_a_set_that_is_only_asked_stays() -> None:
    source = "known = set(parts)\nif x in known:\n    known.add(y)\n"
    assert edit(source) == source


def test_the_edited_program_takes_things_in_the_order_of_insertion() -> None:
    source = """
    letters = [f"{number:03}" for number in range(200)]
    odd = {letter for letter in letters if int(letter) % 2}
    even = set(letters) - odd
    more = set()
    for letter in ("z", "a", "z", "m"):
        more.add(letter)
    seen += list(odd) + list(even) + list(more)
    """
    odd = [f"{number:03}" for number in range(1, 200, 2)]
    even = [f"{number:03}" for number in range(0, 200, 2)]
    assert run(source) == [*odd, *even, "z", "a", "m"]
