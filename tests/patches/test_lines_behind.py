"""What of a program's text goes into a line."""

from __future__ import annotations

import ast

import pytest

from reproaudit.patches.hash_uses import list_hash_lines_behind
from reproaudit.patches.lines_behind import list_nodes_behind
from reproaudit.patches.program_text import ProgramText

PROGRAM = """\
def number(words):
    return {word: place for place, word in enumerate(set(words))}

names = ["a", "b"]
table = number(names)
other = [1, 2]
for one in set(names):
    other.append(one)
ids = [table[name] for name in names]
counts = [len(names)]
filled = tuple(other)
"""


def test_what_is_assigned_and_what_is_called_goes_into_a_line() -> None:
    behind = list_nodes_behind(ProgramText(PROGRAM), 9)
    texts = {ast.unparse(node) for node in behind if isinstance(node, ast.expr)}
    assert "set(words)" in texts
    assert "[1, 2]" not in texts


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (9, [("set", 2, "number")]),
        (10, []),
        (11, [("set", 7, "<module>")]),
    ],
    ids=["through a function", "of names alone", "filled by a loop"],
)
def test_the_lines_that_take_an_order_of_hashes_are_named(
    line: int, expected: list[tuple[str, int, str]]
) -> None:
    uses = list_hash_lines_behind(ProgramText(PROGRAM), line)
    assert [(use.name, use.line, use.function) for use in uses] == expected


def test_where_draws_go_in_as_well_nothing_is_named() -> None:
    text = PROGRAM.replace("[table[name] for name in names]", "random.sample(list(table), 2)")
    assert list_hash_lines_behind(ProgramText(text), 9) == ()


def test_a_name_of_the_programs_own_is_no_builtin() -> None:
    text = "def hash(text):\n    return len(text)\n\nseed = hash('a')\n"
    assert list_hash_lines_behind(ProgramText(text), 4) == ()
    assert list_hash_lines_behind(ProgramText("seed = hash('a')\n"), 1) != ()
