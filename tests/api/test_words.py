"""What `audit` takes is what the command line takes."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import reproaudit
from reproaudit.api.words import write_words
from reproaudit.cli.arguments import make_audit_parser
from reproaudit.cli.main import main
from reproaudit.cli.parsers import OF_A_SUBJECT
from tests.report.cases import ONE_DIVERGENCE

# Said of a result: `render` and `save`. Said by a loop in Python. Of a terminal alone. Of a server.
ELSEWHERE = {
    "audit": {"report", "seeds", "plain", "help", "version"},
    "vary": {
        *("report", "plain", "help", "list"),
        *("endpoint", "model", "chat", "prompts", "api_key_env", "requests", "max_tokens"),
    },
    "resume": {"report", "plain", "help"},
    "seeds": {"report", "plain", "help"},
}
OF_SUBJECT = {"subject", "args"}


@pytest.mark.parametrize("question", ELSEWHERE)
def test_each_option_of_a_question_is_an_argument_of_the_same_name(question: str) -> None:
    options = {
        name.removeprefix("--").replace("-", "_")
        for name in OF_A_SUBJECT[question]().list_options()
        if name.startswith("--")
    }
    arguments = set(inspect.signature(getattr(reproaudit, question)).parameters) - OF_SUBJECT
    assert arguments == options - ELSEWHERE[question]


# The function that makes the runs of a question, what is typed, and what is written in Python.
ASKED: list[tuple[str, str, Callable[[], object]]] = [
    (
        "audit.audit",
        "--runs=3 --tolerance=ulp=4 --seed=7 --env=A=1 --out=kept train.py --lr 0.1",
        lambda: reproaudit.audit(
            *("train.py", ["--lr", "0.1"]),
            runs=3,
            seed=7,
            env={"A": "1"},
            tolerance="ulp=4",
            out="kept",
        ),
    ),
    (
        "vary.vary",
        "vary --vary threads=1,2 --vary hash_seed --tolerance threads:ulp=4 --budget 9 train.py",
        lambda: reproaudit.vary(
            "train.py", vary=["threads=1,2", "hash_seed"], tolerance="threads:ulp=4", budget=9
        ),
    ),
    (
        "resume.resume",
        "resume --at 6 --stop-by sigterm --resume-args '--go {checkpoint}' --steps 4 train.py",
        lambda: reproaudit.resume(
            "train.py", at=6, stop_by="sigterm", resume_args=["--go", "{checkpoint}"], steps=4
        ),
    ),
    (
        "seeds.find_seed_effects",
        "seeds --seed-arg --seed --seeds 7,8 --deterministic train.py --lr 0.1",
        lambda: reproaudit.seeds(
            "train.py", ["--lr", "0.1"], seed_arg="--seed", seeds=[7, 8], deterministic=True
        ),
    ),
    (
        "flag_timeline.read_timeline",
        "seeds --timeline --threads 1 train.py",
        lambda: reproaudit.seeds("train.py", timeline=True, threads=1),
    ),
]


@pytest.mark.parametrize(("run", "typed", "call"), ASKED, ids=[run for run, _, _ in ASKED])
def test_what_is_asked_from_python_is_what_is_typed(
    run: str,
    typed: str,
    call: Callable[[], object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("raise SystemExit('it was run')\n")
    seen: list[Any] = []

    def keep(options: object, *rest: object, **others: object) -> object:
        # Without the progress, which is no part of the question.
        wanted = [one for one in rest if not hasattr(one, "stage")]
        seen.append((options, wanted, others))
        return ONE_DIVERGENCE

    monkeypatch.setattr(f"reproaudit.experiment.{run}", keep)
    assert main(shlex.split(typed)) == ONE_DIVERGENCE.exit_code
    call()
    typed_options, written_options = seen
    assert written_options == typed_options


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
    parser.parse_args(words)


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
