"""What runs again and again, as the text tells it."""

from __future__ import annotations

import pytest

from reproaudit.patches.loops import is_in_loop
from reproaudit.patches.program_text import ProgramText


@pytest.mark.parametrize(
    ("text", "is_repeated"),
    [
        ("x = HERE()", False),
        ("for i in range(3):\n    if i:\n        x = HERE()", True),
        ("for i in HERE():\n    pass", False),
        ("for i in range(3):\n    pass\nelse:\n    HERE()", False),
        ("for i in range(3):\n    for j in HERE():\n        pass", True),
        ("while HERE():\n    pass", True),
        ("xs = [HERE() for i in range(3)]", True),
        ("xs = [i for i in HERE()]", False),
        ("xs = [j for i in range(3) for j in HERE()]", True),
        ("xs = {i: 1 for i in range(3) if HERE()}", True),
        ("for i in range(3):\n    def make():\n        return HERE()", False),
        ("for i in range(3):\n    make = lambda: HERE()", False),
        ("def make():\n    while True:\n        HERE()", True),
        ("for i in range(3):\n    pass\nHERE()", False),
    ],
)
def test_what_is_in_a_loop_runs_again(text: str, is_repeated: bool) -> None:
    program = ProgramText(text)
    assert is_in_loop(program, text.index("HERE")) == is_repeated
