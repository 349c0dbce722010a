"""What `reproaudit ci` refuses before it runs anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reproaudit.cli.ci import ci
from reproaudit.errors import UsageError
from reproaudit.model.result import AuditResult
from reproaudit.report.json_report import from_json
from tests.report.cases import REPRODUCIBLE


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


@pytest.mark.usefixtures("two_subjects")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--out pyproject.toml", "report-write"),
        ("--update-baseline --baseline /proc/b.json", "baseline-write"),
    ],
)
def test_a_place_that_takes_no_file_is_refused_before_the_runs(words: str, code: str) -> None:
    assert find_refusal(*words.split()) == code


def test_a_result_that_cannot_be_written_costs_no_other_subject(
    two_subjects: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = two_subjects.parent / "out"
    for name in ("train.py", "eval.py"):
        two_subjects.with_name(name).touch()

    def audit(options: Any, progress: Any) -> AuditResult:
        # A folder comes to stand in the place of the first subject's result while it runs.
        (out / "result-train.py.json").mkdir(parents=True, exist_ok=True)
        return REPRODUCIBLE

    monkeypatch.setattr("reproaudit.experiment.audit.audit", audit)
    with pytest.raises(UsageError, match=r"cannot write the result .*train\.py\.json") as refused:
        ci(["--quiet", "--out", str(out)])
    kept = Path(refused.value.hint.rpartition("the result is in ")[2])
    assert from_json(kept.read_text()).subject == "train.py"
    kept.unlink()
    assert (out / "result-eval.py.json").is_file()
    assert "eval.py" in capsys.readouterr().out
