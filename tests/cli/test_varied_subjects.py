"""What `reproaudit ci` does where the project says what must not matter. No program is run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reproaudit.cli.ci import ci
from reproaudit.config.settings import Settings
from reproaudit.knowledge.interventions import combine_settings
from reproaudit.model.result import AuditResult, Trial
from reproaudit.model.verdict import Verdict
from tests.report.cases import REPRODUCIBLE

DIFFERS = replace(REPRODUCIBLE, verdict=Verdict.NOT_REPRODUCIBLE)
PROVEN = Trial(("hash.seed",), 3, is_equal=True, plain_differ=True)


class Project:
    """A project with one subject; its audit gives `as_it_is`, its variations `varied`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "train.py").touch()
        (folder / "pyproject.toml").write_text(
            '[tool.reproaudit]\nsubjects = ["train.py"]\nvary = ["threads=1,2"]\n'
        )
        monkeypatch.chdir(folder)
        self.as_it_is = REPRODUCIBLE
        self.varied = REPRODUCIBLE
        self.made: list[tuple[list[str], Settings]] = []
        monkeypatch.setattr("reproaudit.experiment.audit.audit", lambda *_: self.as_it_is)
        monkeypatch.setattr("reproaudit.experiment.vary.vary", self._vary)

    def _vary(self, options: Any, wanted: Any, *_: Any, **__: Any) -> AuditResult:
        settings = [one.setting for one in wanted]
        self.made.append((settings, options.settings))
        return self.varied


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


def test_a_subject_that_depends_on_what_must_not_matter_fails(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ci(["--quiet"]) == 0
    project.varied = DIFFERS
    assert ci(["--quiet"]) == 1
    assert project.made == [(["threads=1", "threads=2"], Settings())] * 2
    assert "train.py, varied" in capsys.readouterr().out


def test_what_was_proven_to_repair_a_subject_is_held_while_it_is_varied(project: Project) -> None:
    project.as_it_is = replace(DIFFERS, trials=(PROVEN,))
    assert ci(["--quiet", "--only", "train.py"]) == 1
    (made,) = project.made
    assert made[1] == combine_settings(Settings(), ("hash.seed",))


def test_a_subject_that_differs_without_a_repair_is_not_varied(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.as_it_is = DIFFERS
    assert ci(["--quiet"]) == 1
    assert not project.made
    assert "it was not varied" in capsys.readouterr().out


def test_of_a_subject_that_was_not_audited_no_difference_is_told(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.as_it_is = replace(REPRODUCIBLE, verdict=Verdict.NOT_AUDITED)
    assert ci(["--quiet"]) == 2
    assert not project.made
    said = " ".join(capsys.readouterr().out.split())
    assert "the audit of it as it is could not be done" in said


def test_a_subject_may_be_called_like_one_that_is_varied(tmp_path: Path, project: Project) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.reproaudit]\nsubjects = [{subject = "train.py", name = "small, varied"}]\n'
    )
    assert ci(["--quiet"]) == 0
    assert not project.made
