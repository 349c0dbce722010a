"""Values of options: what is read, and what is refused with the words that were given."""

from __future__ import annotations

import argparse

import pytest

from reproaudit.cli import option_values


def test_all_steps_are_none_and_others_a_number() -> None:
    assert option_values.parse_steps("all") is None
    assert option_values.parse_steps("12") == 12


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "many", ""])
def test_a_count_that_is_no_whole_number_above_0_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        option_values.parse_positive(text)
    assert str(refused.value) == f"{text!r} is not a whole number above 0"


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon"])
def test_seconds_are_finite_and_above_0(text: str) -> None:
    assert option_values.parse_seconds("0.25") == 0.25
    with pytest.raises(argparse.ArgumentTypeError, match="is not a number of seconds above 0"):
        option_values.parse_seconds(text)


def test_a_share_excludes_both_ends_and_a_switch_ignores_case() -> None:
    assert option_values.parse_share("0.95") == 0.95
    for text in ("0", "1", "nan"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a number between 0 and 1"):
            option_values.parse_share(text)
    assert option_values.parse_switch("ON") is True
    assert option_values.parse_switch("False") is False
    with pytest.raises(argparse.ArgumentTypeError, match="'maybe' is neither on nor off"):
        option_values.parse_switch("maybe")


def test_an_assignment_is_split_at_its_first_equals_sign() -> None:
    assert option_values.parse_assignment("A=b=c") == ("A", "b=c")
    assert option_values.parse_assignment("A=") == ("A", "")
    for text in ("A", "=b"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not NAME=VALUE"):
            option_values.parse_assignment(text)
