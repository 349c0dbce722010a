"""How a program is given its seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.seed_argument import SeedArgument, SeedPlace
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectKind, SubjectSpec


def give(argument: SeedArgument, *words: str, seed: int = 7) -> tuple[str, ...]:
    subject = SubjectSpec(SubjectKind.SCRIPT, Path(), path="train.py", argv=words)
    given, settings = argument.give(subject, seed)
    assert settings == Settings()
    return given.argv


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), ("--seed", "7")),
        (("--lr", "0.1"), ("--lr", "0.1", "--seed", "7")),
        (("--seed", "3", "--lr", "0.1"), ("--seed", "7", "--lr", "0.1")),
        (("--seed=3", "last"), ("--seed=7", "last")),
        (("--seed-data", "3"), ("--seed-data", "3", "--seed", "7")),
    ],
)
def test_an_option_is_replaced_where_it_stands(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    assert give(SeedArgument(SeedPlace.ARGUMENT, "--seed"), *before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), ("train.seed=7",)),
        (("train.seed=3", "lr=1"), ("train.seed=7", "lr=1")),
        (("++train.seed=3",), ("++train.seed=7",)),
        (("seed=3",), ("seed=3", "train.seed=7")),
    ],
)
def test_a_key_is_replaced_where_it_stands(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    assert give(SeedArgument(SeedPlace.KEY, "train.seed"), *before) == after


def test_a_variable_leaves_the_arguments_alone() -> None:
    subject = SubjectSpec(SubjectKind.SCRIPT, Path(), path="train.py", argv=("SEED",))
    given, settings = SeedArgument(SeedPlace.VARIABLE, "SEED").give(subject, 0)
    assert given == subject
    assert settings.env == (("SEED", "0"),)
