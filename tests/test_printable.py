"""Text from outside draws nothing on a terminal, and commands nothing."""

from __future__ import annotations

import pytest

from reproaudit.printable import make_lines_printable, make_printable


@pytest.mark.parametrize(
    "text", ["x", "ä ü 训练", "aten::add", "a[0, ::2]", "a[::i, ::j]", "# [x]"]
)
def test_what_prints_and_commands_nothing_stays_as_it_is(text: str) -> None:
    assert make_printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\u202e", r"\u202e"),
        ("\udcff", r"\udcff"),
        ("::error::x", r"\x3a:error::x"),
        ("a  ::warning file=b::x", r"a  \x3a:warning file=b::x"),
        ("::add-mask::", r"\x3a:add-mask::"),
        ("x ##[error]y", r"x #\x23[error]y"),
    ],
)
def test_what_does_not_print_or_is_a_command_is_escaped(text: str, shown: str) -> None:
    assert make_printable(text) == shown


def test_the_lines_and_tabs_of_a_longer_text_stay() -> None:
    assert make_lines_printable("a\tb\n ::error::c\r") == "a\tb\n \\x3a:error::c\\r"
