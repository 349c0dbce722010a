"""What `reproaudit ci` refuses before it runs anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.cli.ci import ci
from reproaudit.errors import UsageError


@pytest.fixture
def two_subjects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "pyproject.toml"
    path.write_text('[tool.reproaudit]\nsubjects = ["train.py", "eval.py"]\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return path


def find_refusal(*words: str) -> str:
    with pytest.raises(UsageError) as refused:
        ci(list(words))
    return refused.value.code


def test_a_project_without_subjects_has_nothing_to_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.reproaudit]\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert find_refusal() == "no-subjects"


@pytest.mark.usefixtures("two_subjects")
def test_a_subject_that_is_not_configured_is_refused() -> None:
    assert find_refusal("--only", "trian.py") == "subject-unknown"


@pytest.mark.usefixtures("two_subjects")
def test_a_json_report_of_several_subjects_is_refused() -> None:
    assert find_refusal("--report", "json=all.json") == "report-one-result"


@pytest.mark.usefixtures("two_subjects")
def test_a_first_baseline_of_some_subjects_is_refused() -> None:
    assert find_refusal("--only", "train.py", "--update-baseline") == "baseline-incomplete"
