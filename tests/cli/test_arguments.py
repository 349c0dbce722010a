"""The options: what is ours, what is the subject's, and that each has its help."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reproaudit.cli.arguments import Parser, make_audit_parser, split_words
from reproaudit.cli.parsers import OF_A_SUBJECT, OTHERS
from reproaudit.errors import UsageError


@pytest.mark.parametrize(
    ("words", "ours", "subject", "own"),
    [
        ("train.py", "", "train.py", ""),
        ("train.py --steps all --report json=r", "--steps all --report json=r", "train.py", ""),
        ("--runs 3 train.py --lr 0.1 --seed 1", "--runs 3", "train.py", "--lr 0.1 --seed 1"),
        ("train.py --seed 1 --lr 0.1", "--seed 1", "train.py", "--lr 0.1"),
        ("--seed 0 -- train.py --seed 1", "--seed 0", "train.py", "--seed 1"),
        ("train.py -- --seed 1", "", "train.py", "--seed 1"),
        ("train.py positional --steps 3", "", "train.py", "positional --steps 3"),
        ("--deterministic train.py", "--deterministic", "train.py", ""),
        ("--deterministic=warn train.py", "--deterministic=warn", "train.py", ""),
        ("train.py --env A=1 --env B=2", "--env A=1 --env B=2", "train.py", ""),
    ],
)
def test_ours_end_at_the_first_word_that_is_not_ours(
    words: str, ours: str, subject: str, own: str
) -> None:
    assert split_words(make_audit_parser(), words.split()) == (ours.split(), subject, own.split())


def test_an_unknown_option_before_the_subject_is_refused() -> None:
    with pytest.raises(UsageError, match="--stpes"):
        split_words(make_audit_parser(), ["--stpes", "3", "train.py"])


@pytest.mark.parametrize("make", [*OF_A_SUBJECT.values(), *OTHERS.values()])
def test_every_option_has_help(make: Callable[[], Parser]) -> None:
    for name, action in make().list_options().items():
        assert action.help, name
