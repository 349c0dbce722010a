"""The options that a user gave are in the commands that a report suggests."""

from __future__ import annotations

import pytest

from reproaudit.cli.arguments import make_audit_parser
from reproaudit.cli.given import keep_options


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("--seed 3 --env A=1 --steps all", "--seed 3 --env A=1 --steps all"),
        ("--deterministic --threads=2", "--deterministic --threads=2"),
        ("--report json=out.json --quiet --hash-seed 1", "--hash-seed 1"),
        ("--runs 9 --rate=0.1 --fresh-copy --out d", "--fresh-copy"),
        ("--intervene hash.seed --tolerance ulp=4", "--intervene hash.seed --tolerance ulp=4"),
    ],
)
def test_what_changes_a_run_is_kept_and_where_reports_went_is_not(words: str, kept: str) -> None:
    assert keep_options(make_audit_parser(), words.split()) == tuple(kept.split())
