"""The command line: what is ours, what is the subject's, and what every mistake says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reproaudit import __version__
from reproaudit.cli.arguments import (
    audit_parser,
    compare_parser,
    record_parser,
    report_parser,
    split,
)
from reproaudit.cli.main import main
from reproaudit.errors import UsageError
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.model.result import AuditResult, Confidence, RunSummary
from reproaudit.model.verdict import Verdict
from reproaudit.report.json_report import to_json

README = Path(__file__).parents[1] / "README.md"
SAMPLES = Path(__file__).parents[1] / "reports" / "samples"


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
    assert split(audit_parser(), words.split()) == (ours.split(), subject, own.split())


def test_an_unknown_option_before_the_subject_is_refused() -> None:
    with pytest.raises(UsageError, match="--stpes"):
        split(audit_parser(), ["--stpes", "3", "train.py"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "no subject was named"),
        ("missing.py", "[subject-missing]"),
        ("train.py --runs 1", "one run cannot be compared"),
        ("train.py --runs none", "--runs"),
        ("train.py --steps 0", "--steps"),
        ("train.py --timeout -3", "--timeout"),
        ("train.py --tolerance close", "[tolerance-syntax]"),
        ("train.py --preset nowhere", "[preset-unknown]"),
        ("train.py --report pdf=x", "formats: terminal, json"),
        ("train.py --seeds 1,two", "--seeds"),
        ("train.py --cudnn-benchmark maybe", "neither on nor off"),
        ("compare one", "one trace cannot be compared"),
        ("compare one two", "[trace-missing]"),
        ("report missing.json", "[result-missing]"),
        ("record", "no subject was named"),
    ],
)
def test_a_mistake_gets_one_error_with_a_way_out_and_exit_code_2(
    words: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "train.py").write_text("raise SystemExit('must not run')\n")
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("reproaudit: error: ")
    assert said in error
    assert "Traceback" not in error


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"reproaudit {__version__}\n"


@pytest.mark.parametrize("parser", [audit_parser, record_parser, compare_parser, report_parser])
def test_every_option_has_help(parser: object) -> None:
    for action in parser()._actions:  # type: ignore[operator]
        assert action.help, action.option_strings


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.REPRODUCIBLE, 0),
        (Verdict.WITHIN_TOLERANCE, 0),
        (Verdict.NOT_REPRODUCIBLE, 1),
        (Verdict.NOT_AUDITED, 2),
    ],
)
def test_the_exit_code_follows_the_verdict(
    verdict: Verdict, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tuple(RunSummary(index, Outcome(OutcomeKind.COMPLETED, 0), 1, 1) for index in range(2))
    classes = ((0, 1),) if verdict in (Verdict.REPRODUCIBLE, Verdict.NOT_AUDITED) else ((0,), (1,))
    result = AuditResult(verdict, "two runs", "train.py", runs, classes, 1, Confidence())
    saved = tmp_path / "result.json"
    saved.write_text(to_json(result))
    assert main(["report", str(saved), "--report", f"json={tmp_path / 'again.json'}"]) == code
    assert (tmp_path / "again.json").read_text() == saved.read_text()
    assert "two runs" in capsys.readouterr().out


def test_a_report_that_cannot_be_written_leaves_no_half_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = SAMPLES / "vae" / "result.json"
    (tmp_path / "taken").mkdir()
    assert main(["report", str(sample), "--report", f"json={tmp_path / 'taken'}"]) == 2
    assert "[report-write]" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("case", sorted(path.parent.name for path in SAMPLES.glob("*/result.json")))
def test_a_sample_s_screen_is_what_its_result_renders_to(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["report", str(SAMPLES / case / "result.json")])
    assert capsys.readouterr().out == (SAMPLES / case / "terminal.txt").read_text()


def test_the_readme_quotes_the_sample_s_screen() -> None:
    quoted = re.search(
        r"\$ reproaudit examples/graph_net/train\.py\n(.*?)```", README.read_text(), re.DOTALL
    )
    assert quoted is not None
    assert (SAMPLES / "graph_net" / "terminal.txt").read_text().startswith(quoted[1])


def test_the_readme_names_every_exit_code_and_option_group() -> None:
    text = README.read_text()
    settings = next(group for group in audit_parser()._action_groups if group.title == "settings")
    options = [action.option_strings[0] for action in settings._group_actions]
    named = [option for option in options if option in text or option == "--preset"]
    assert named == options


def test_the_samples_hold_no_absolute_path() -> None:
    for path in SAMPLES.rglob("*.json"):
        assert not re.search(
            r'"/(home|root|tmp|work|Users)', json.dumps(json.loads(path.read_text()))
        )


def test_a_fault_of_our_own_never_looks_like_a_divergence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(paths: object, tolerances: object) -> AuditResult:
        raise IndexError("planted")

    monkeypatch.setattr("reproaudit.experiment.offline.compare_traces", broken)
    assert main(["compare", "a", "b"]) == 2
    assert "[internal]" in capsys.readouterr().err
