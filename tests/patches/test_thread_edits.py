"""Threads that are waited for one by one."""

from __future__ import annotations

import ast

import pytest

from reproaudit.patches.program_text import ProgramText
from reproaudit.patches.thread_edits import join_threads

LIST = "threads = [threading.Thread(target=draw, args=(name,)) for name in names]\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("one = Thread(target=f)\none.start()\n", "one.start(); one.join()\n"),
        (f"{LIST}for one in threads:\n    one.start()\n", "    one.start(); one.join()\n"),
        (f"{LIST}for one in threads: one.start()  # all\n", "one.start(); one.join()  # all\n"),
        ("self.one = threading.Thread(target=f)\nself.one.start()\n", "; self.one.join()\n"),
    ],
)
def test_a_thread_is_joined_where_it_is_started(text: str, after: str) -> None:
    program = ProgramText(text)
    changed = program.apply(join_threads(program))
    ast.parse(changed)
    assert changed.endswith(after)


def test_what_else_is_started_is_left() -> None:
    program = ProgramText("timer = Timer()\ntimer.start()\nfor one in items:\n    one.start()\n")
    assert join_threads(program) == []
