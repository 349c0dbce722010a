"""What is a secret by its name or its place, and what only sounds like one."""

from __future__ import annotations

import pytest

from reproaudit.knowledge.secret_words import sounds_secret, withhold_secrets


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "--api-key", "AWS_SECRET_ACCESS_KEY", "db.password", "AUTHORIZATION", "use-auth"],
)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    assert sounds_secret(name)


@pytest.mark.parametrize(
    "name", ["tokenizer", "--max-tokens", "num_key_value_heads", "key_padding_mask", "author", "lr"]
)
def test_what_a_model_is_set_by_is_no_secret(name: str) -> None:
    assert not sounds_secret(name)


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--use-auth", "--lr", "1"], ["--use-auth", "--lr", "1"]),
        (["--token", "hunter2", "x"], ["--token", "(withheld)", "x"]),
        (["--token=hunter2", "key=hunter2"], ["--token=(withheld)", "key=(withheld)"]),
        (["postgresql://me:hunter2@host/db"], ["postgresql://(withheld)@host/db"]),
        (["--db=redis://:hunt@er2@host/0"], ["--db=redis://(withheld)@host/0"]),
        (["http://host/@me", "a@b", "-"], ["http://host/@me", "a@b", "-"]),
    ],
)
def test_a_command_line_keeps_all_but_its_secrets(words: list[str], kept: list[str]) -> None:
    assert list(withhold_secrets(words)) == kept
