"""What an audit is told to do by the words of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.cli.arguments import make_audit_parser
from reproaudit.cli.audit import audit, make_audit_options
from reproaudit.config.project import Choices, ProjectConfig
from reproaudit.config.subject import parse_subject
from reproaudit.errors import UsageError
from reproaudit.experiment.options import AuditOptions


def make_options(folder: Path, *words: str, runs: int = 5) -> AuditOptions:
    script = folder / "train.py"
    script.write_text("", encoding="utf-8")
    return make_audit_options(
        make_audit_parser().parse_args(words),
        parse_subject(str(script), [], ()),
        project=ProjectConfig(),
        choices=Choices(runs=runs, steps="all", budget=(3, 4.0)),
        seed=11,
    )


def test_choices_and_switches_reach_the_audit(tmp_path: Path) -> None:
    wanted = make_options(tmp_path, "--no-diagnosis")
    assert (wanted.runs, wanted.steps, wanted.settings.seed) == (5, None, 11)
    assert (wanted.budget.runs, wanted.budget.seconds) == (3, 4.0)
    assert wanted.diagnose is False
    assert wanted.capture_alerts is True


def test_one_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one run cannot be compared with anything"):
        make_options(tmp_path, runs=1)


def test_a_rate_chooses_the_number_of_runs_and_excludes_saying_it(tmp_path: Path) -> None:
    assert make_options(tmp_path, "--rate", "0.5", "--confidence", "0.9").runs > 2
    with pytest.raises(UsageError, match="--rate chooses the number of runs"):
        make_options(tmp_path, "--rate", "0.5", "--runs", "4")


def test_seeds_that_are_no_numbers_are_refused_before_anything_runs(tmp_path: Path) -> None:
    program = tmp_path / "train.py"
    program.write_text("raise SystemExit('it was run')\n")
    with pytest.raises(UsageError, match="cannot understand --seeds '0,x'"):
        audit(["--seeds", "0,x", str(program)])


def test_few_equal_runs_pass_when_the_time_is_over_only_where_nobody_said_how_many(
    tmp_path: Path,
) -> None:
    assert make_options(tmp_path).runs_to_pass == 2
    for words in (["--runs", "5"], ["--rate", "0.5"]):
        assert make_options(tmp_path, *words).runs_to_pass == 0


def test_further_runs_are_made_only_where_nobody_said_how_many(tmp_path: Path) -> None:
    assert make_options(tmp_path).further_runs > 0
    assert make_options(tmp_path, runs=4).further_runs == 0
    assert make_options(tmp_path, "--runs", "5").further_runs == 0
    assert make_options(tmp_path, "--rate", "0.5").further_runs == 0
