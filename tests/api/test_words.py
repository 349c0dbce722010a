"""What `audit` takes is what the command line takes."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import reproaudit
from reproaudit.api.words import read_options, write_words
from reproaudit.cli.arguments import make_audit_parser

# Said of a result: `render` and `save`. Said by a loop in Python. Of a terminal alone.
ELSEWHERE = {"report", "seeds", "plain", "help", "version"}
OF_SUBJECT = {"subject", "args"}


def test_each_option_of_an_audit_is_an_argument_of_the_same_name() -> None:
    options = {
        name.removeprefix("--").replace("-", "_")
        for name in make_audit_parser().list_options()
        if name.startswith("--")
    }
    arguments = set(inspect.signature(reproaudit.audit).parameters) - OF_SUBJECT
    assert arguments == options - ELSEWHERE


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"runs": 3}, ["--runs=3"]),
        ({"runs": None}, []),
        ({"steps": "all"}, ["--steps=all"]),
        ({"fast": True}, ["--fast"]),
        ({"fast": False}, []),
        ({"tf32": False}, ["--tf32=off"]),
        ({"deterministic": True}, ["--deterministic"]),
        ({"deterministic": "warn"}, ["--deterministic=warn"]),
        ({"tolerance": "ulp=4"}, ["--tolerance=ulp=4"]),
        (
            {"tolerance": ["ulp=4", "*.bias:ulp=2"]},
            ["--tolerance=ulp=4", "--tolerance=*.bias:ulp=2"],
        ),
        ({"env": {"A": "b=c", "D": ""}}, ["--env=A=b=c", "--env=D="]),
        ({"slurm": {"time": "1:00", "cpus_per_task": 2}}, ["--slurm=time=1:00,cpus_per_task=2"]),
        ({"slurm": {}}, []),
        ({"out": Path("kept")}, ["--out=kept"]),
        ({"confidence": 0.99, "rate": 0.05}, ["--confidence=0.99", "--rate=0.05"]),
    ],
)
def test_an_argument_becomes_what_a_person_would_type(
    given: dict[str, object], words: list[str]
) -> None:
    parser = make_audit_parser()
    assert write_words(parser, given) == words
    read_options(parser, words)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"runs": 2.5}, "--runs: '2.5' is not a whole number above 0"),
        ({"fast": 1}, "fast is 1, and is to be True or False"),
        ({"fast": True, "thorough": True}, "not allowed with argument --fast"),
        ({"device": "tpu"}, "invalid choice: 'tpu'"),
        ({"runs": 1}, "one run cannot be compared"),
        ({"seed": "x"}, "invalid int value"),
        ({"preset": "mine"}, "there is no preset 'mine'"),
        ({"budget": "soon"}, "budget"),
        ({"args": "--lr 0.1"}, "is to be a list"),
        ({"out": "train.py"}, "cannot write traces into 'train.py'"),
    ],
)
def test_an_argument_that_cannot_be_meant_raises_before_anything_runs(
    given: dict[str, object],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("raise SystemExit('it was run')\n")
    with pytest.raises(reproaudit.UsageError) as error:
        reproaudit.audit("train.py", **given)  # type: ignore[arg-type]
    assert said in str(error.value)
    assert error.value.hint


def test_a_subject_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(reproaudit.UsageError, match="trian") as error:
        reproaudit.audit("trian.py")
    assert error.value.code == "subject-missing"
