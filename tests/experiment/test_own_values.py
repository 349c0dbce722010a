"""What a program has already, and its arguments with another value. No program is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.settings import Settings
from reproaudit.experiment.own_values import is_own_value, put_argument
from reproaudit.knowledge.wanted import read_wanted
from tests.comparison.traces import make_run


@pytest.mark.parametrize(
    ("argv", "changed"),
    [
        (("--lr", "0.1", "--x"), ("--lr", "7", "--x")),
        (("--lr=0.1",), ("--lr=7",)),
        (("--lr=1", "--lr", "2"), ("--lr=1", "--lr", "7")),
        (("--lrs", "0.1"), ("--lrs", "0.1", "--lr", "7")),
        (("--lr",), ("--lr", "--lr", "7")),
    ],
)
def test_the_last_value_of_an_option_is_replaced(
    argv: tuple[str, ...], changed: tuple[str, ...]
) -> None:
    assert put_argument(argv, "--lr", "7") == changed


@pytest.mark.parametrize(
    ("text", "is_own"),
    [
        ("threads=2", True),
        ("threads=1", False),
        ("env.WANTED=a", True),
        ("env.WANTED=b", False),
        ("env.UNSET=", False),
        ("hash_seed=5", True),
        ("hash_seed=6", False),
        ("arg.--lr=0.1", True),
        ("arg.--lr=0.2", False),
    ],
)
def test_a_value_that_the_program_has_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, is_own: bool
) -> None:
    monkeypatch.setenv("WANTED", "a")
    plain = make_run(tmp_path, 0, [], environment={"threads": "2", "PYTHONHASHSEED": "5"})
    (wanted,) = read_wanted([text])
    settings = Settings(hash_seed=5)
    argv = ("--lr", "0.1")
    assert is_own_value(wanted, settings, plain, argv, python="/usr/bin/python") is is_own


def test_the_interpreter_of_all_runs_is_the_programs_own(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.touch(mode=0o755)
    plain = make_run(tmp_path, 0, [])
    (wanted,) = read_wanted([f"python={python}"])
    for other, is_own in ((str(python), True), ("/usr/bin/other", False)):
        assert is_own_value(wanted, Settings(), plain, (), python=other) is is_own
