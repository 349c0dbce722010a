"""Words of the command line that the wrong side may have got are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.cli.arguments import make_audit_parser, part_words, split_words
from reproaudit.cli.mistaken import find_mistaken, split_and_warn

PARSED = "parser.add_argument('--steps', type=int)\n"
FIELDS = "class Args:\n    hash_seed: int = 1\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def warn(text: str, *words: str) -> list[str]:
    Path("train.py").write_text(text)
    parser = make_audit_parser()
    return find_mistaken(parser, part_words(parser, words))


def test_an_option_of_the_program_that_we_take_is_told_with_what_to_write() -> None:
    (said,) = warn(PARSED, "train.py", "--steps", "1")
    assert "--steps 1 was read as reproaudit's own" in said
    assert "`train.py -- --steps 1`" in said
    (said,) = warn(PARSED, "train.py", "--steps=1", "--quiet")
    assert "`train.py -- --steps=1`" in said
    (said,) = warn(FIELDS, "train.py", "--hash-seed", "3")
    assert "--hash-seed 3" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PARSED, ("--steps", "1", "train.py")),
        (PARSED, ("train.py", "--", "--steps", "1")),
        (PARSED, ("train.py", "--lr", "1", "--steps", "1")),
        ("lr = 3\n", ("train.py", "--steps", "1")),
        ("p.add_argument('--steps-per-epoch')\n", ("train.py", "--steps", "1")),
        (PARSED, ("train.py",)),
    ],
    ids=["before", "parted", "the program's", "not mentioned", "another option", "none"],
)
def test_words_that_nobody_can_mistake_are_not_told(text: str, words: tuple[str, ...]) -> None:
    assert warn(text, *words) == []


@pytest.mark.parametrize(
    ("words", "near"),
    [(("--stpes", "3"), "--steps"), (("--lr", "0.1", "--runs", "3"), "--runs")],
    ids=["mistyped", "behind the program's"],
)
def test_an_option_like_ours_that_the_program_does_not_mention_is_told(
    words: tuple[str, ...], near: str
) -> None:
    (said,) = warn("p.add_argument('--lr')\n", "train.py", *words)
    assert said.endswith(f"an option of reproaudit is {near}, and stands before the program")


def test_of_a_program_that_cannot_be_read_every_word_of_ours_behind_it_is_told() -> None:
    parser = make_audit_parser()
    said = find_mistaken(parser, part_words(parser, ["pkg.mod:step", "--seed", "1", "--stpes"]))
    assert len(said) == 1
    assert "--seed 1" in said[0]


def test_the_warning_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Path("train.py").write_text(PARSED)
    words = ["train.py", "--steps", "1"]
    assert split_and_warn(make_audit_parser(), words) == split_words(make_audit_parser(), words)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("reproaudit: warning: --steps 1 was read")
