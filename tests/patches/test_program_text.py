"""A program's text, its edits, and the difference that `patch` takes."""

from __future__ import annotations

import pytest

from reproaudit.patches.program_text import Edit, ProgramText, make_diff, quote_path


def test_edits_are_made_once_and_in_order_at_one_place() -> None:
    program = ProgramText("a = b\n")
    edits = [Edit(4, 4, "f("), Edit(5, 5, ")"), Edit(0, 0, "x\n"), Edit(0, 0, "y\n")]
    assert program.apply([*edits, *edits]) == "x\ny\na = f(b)\n"


def test_a_lone_carriage_return_is_refused_for_patch_counts_no_line_there() -> None:
    with pytest.raises(ValueError, match="carriage return"):
        ProgramText("a = 1\rb = 2\n")


def test_a_file_without_a_final_newline_has_the_mark_that_says_so() -> None:
    assert make_diff("a", "b\n", "t.py") == (
        "--- t.py",
        "+++ t.py",
        "@@ -1 +1 @@",
        "-a",
        "\\ No newline at end of file",
        "+b",
    )


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("a/größe.py", "a/größe.py"),
        ("my runs/a.py", '"my runs/a.py"'),
        ('a"b\\c.py', '"a\\"b\\\\c.py"'),
        ("a\tb.py", '"a\\011b.py"'),
    ],
)
def test_names_that_would_end_early_stand_in_quotes(path: str, quoted: str) -> None:
    assert quote_path(path) == quoted
