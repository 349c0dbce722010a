"""What hashes decide in a program's text: at a line, in what it calls, and in its file."""

from __future__ import annotations

import ast

import pytest

from reproaudit.patches.hash_uses import HashCall, list_hash_uses, takes_hash
from reproaudit.patches.program_text import ProgramText

PROGRAM = """\
def bucket(word):
    return hash(word) % 50

def encode(words):
    return [bucket(word) for word in words]

names = {"a", "b"}
ids = encode(["a"])
order = list(names)
plain = [1]
"""


@pytest.mark.parametrize(
    ("line", "at_line", "below"),
    [
        (2, [HashCall("hash", 2, "bucket")], []),
        (8, [], [HashCall("hash", 2, "bucket")]),
        (9, [], []),
        (10, [], []),
    ],
)
def test_a_hash_is_found_at_the_line_and_in_what_it_calls(
    line: int, at_line: list[HashCall], below: list[HashCall]
) -> None:
    here, called, everywhere = list_hash_uses(ProgramText(PROGRAM), line)
    assert (list(here.calls), list(called.calls)) == (at_line, below)
    assert here.iterates_sets == (line == 9)
    assert everywhere.iterates_sets
    assert everywhere.calls == (HashCall("hash", 2, "bucket"),)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sorted(words, key=hash)", ["hash"]),
        ("list(map(hash, words))", ["hash"]),
        ("'a'.__hash__() % 7", ["hash"]),
        ("rate = id(words) + hash('a')", ["hash", "id"]),
        ("hash = hashlib.md5(text)\nprint(hash(text))", []),
        ("for id in ids:\n    print(id)", []),
        ("from hashes import hash\nhash('a')", []),
        ("def hash(text):\n    return 1\n\nhash('a')", []),
        ("valid(1), rehash(2)", []),
        ("class A:\n    def __hash__(self):\n        return hash(self.name)", []),
    ],
)
def test_only_the_builtin_counts_however_it_is_called(text: str, names: list[str]) -> None:
    *_, everywhere = list_hash_uses(ProgramText(text), 1)
    assert sorted(call.name for call in everywhere.calls) == names


def test_of_the_builtins_only_those_that_are_asked_for_count() -> None:
    here, *_ = list_hash_uses(ProgramText("rate = id(model)"), 1, ["hash"])
    assert here.is_empty


def test_functions_that_call_each_other_are_read_once() -> None:
    text = "def a():\n    return b()\n\ndef b():\n    return a() + hash('x')\n\na()\n"
    _, called, _ = list_hash_uses(ProgramText(text), 7)
    assert called.calls == (HashCall("hash", 5, "b"),)


def test_a_call_of_either_takes_a_hash() -> None:
    texts = ("hash(a)", "id(a)", "a", "crc(a)")
    assert [takes_hash(ast.parse(text, mode="eval").body) for text in texts] == [
        True,
        True,
        False,
        False,
    ]
