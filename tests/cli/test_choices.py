"""Which of several places decides an option, and what a preset adds to the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from reproaudit.cli.arguments import make_audit_parser
from reproaudit.cli.choices import (
    find_whole_limit,
    limit_steps,
    read_settings,
    resolve_choices,
)
from reproaudit.config.project import Choices, ProjectConfig
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.errors import UsageError


def parse(*words: str) -> argparse.Namespace:
    return make_audit_parser().parse_args(words)


def test_the_command_line_beats_environment_subject_and_project(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = ProjectConfig(choices=Choices(runs=9, steps=9, timeout_s=9.0))
    subject = Choices(runs=8, steps=8)
    monkeypatch.setenv("REPROAUDIT_RUNS", "7")
    choices = resolve_choices(parse(), project, subject)
    assert (choices.runs, choices.steps, choices.timeout_s) == (7, 8, 9.0)
    assert resolve_choices(parse("--runs", "6"), project, subject).runs == 6


def test_all_steps_on_the_command_line_beat_a_limit_of_the_project() -> None:
    project = ProjectConfig(choices=Choices(steps=9))
    assert limit_steps(resolve_choices(parse(), project)) == 9
    assert limit_steps(resolve_choices(parse("--steps", "all"), project)) is None


def test_a_preset_is_changed_by_what_the_command_line_gives() -> None:
    project = ProjectConfig(presets=(("exact", Settings(threads=1, tf32=False)),))
    options = parse("--threads", "3")
    settings = read_settings(options, project, Choices(preset="exact"), seed=5)
    assert (settings.threads, settings.tf32, settings.seed) == (3, False, 5)


def test_an_unknown_preset_is_refused_with_the_file_that_lacks_it() -> None:
    project = ProjectConfig(path=Path("pyproject.toml"))
    with pytest.raises(UsageError, match=r"no preset 'exat' in pyproject\.toml") as refused:
        read_settings(parse(), project, Choices(preset="exat"), seed=None)
    assert refused.value.code == "preset-unknown"


def test_a_script_is_audited_whole_only_where_no_number_of_steps_was_asked_for() -> None:
    script = SubjectSpec(SubjectKind.SCRIPT, Path(), path="train.py")
    step = SubjectSpec(SubjectKind.ATTRIBUTE, Path(), path="train.py", attribute="step")
    unsaid = resolve_choices(parse(), ProjectConfig())
    said = resolve_choices(parse("--steps", "10"), ProjectConfig())
    assert limit_steps(unsaid) == limit_steps(said) == 10
    assert find_whole_limit(unsaid, script) > 0
    assert find_whole_limit(unsaid, step) == find_whole_limit(said, script) == 0
