"""What `reproaudit vary` understands, and refuses before it runs anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reproaudit.cli.vary import vary
from reproaudit.cli.vary_options import part_tolerances
from reproaudit.config.tolerance import Tolerance, Tolerances
from reproaudit.errors import UsageError
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.knowledge.wanted import Wanted
from reproaudit.model.result import AuditResult
from tests.report.cases import REPRODUCIBLE


class Asked:
    """What the experiment was asked to do, instead of being made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings: list[str] = []
        self.tolerances: dict[str, Tolerances] = {}
        self.options: Any = None
        monkeypatch.setattr("reproaudit.experiment.vary.vary", self._take)

    def _take(
        self,
        options: Any,
        wanted: tuple[Wanted, ...],
        progress: Any,
        out: Path | None,
        *,
        tolerances: dict[str, Tolerances],
    ) -> AuditResult:
        self.options = options
        self.settings = [one.setting for one in wanted]
        self.tolerances = tolerances
        return REPRODUCIBLE


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    (tmp_path / "train.py").write_text("")
    monkeypatch.chdir(tmp_path)
    return Asked(monkeypatch)


def test_the_subject_keeps_its_arguments_and_all_runs_their_settings(asked: Asked) -> None:
    words = ["--seed", "3", "--vary", "arg.--lr=1,2", "train.py", "--quiet", "--lr", "5"]
    assert vary(words) == 0
    assert asked.settings == ["arg.--lr=1", "arg.--lr=2"]
    assert asked.options.subject.argv == ("--lr", "5")
    assert asked.options.settings.seed == 3


def test_the_projects_list_counts_where_none_is_given(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.reproaudit]\nvary = ["threads=1,2"]\nvary_tolerance = ["threads:ulp=4"]\n'
    )
    vary(["--quiet", "train.py"])
    assert asked.settings == ["threads=1", "threads=2"]
    assert asked.tolerances["threads"].by_dtype == {"*": Tolerance(ulp=4)}
    vary(["--quiet", "train.py", "--vary", "threads=1", "--tolerance", "threads:ulp=8"])
    assert asked.settings == ["threads=1"]
    assert asked.tolerances["threads"].by_dtype == {"*": Tolerance(ulp=8)}


def test_there_are_runs_enough_for_all_that_was_asked(asked: Asked) -> None:
    values = ",".join(str(value) for value in range(1, 60))
    vary(["--quiet", "train.py", "--vary", f"threads={values}"])
    assert asked.options.budget.runs >= 3 * 59
    vary(["--quiet", "train.py", "--vary", f"threads={values}", "--budget", "7"])
    assert asked.options.budget.runs == 7


def test_a_tolerance_of_one_variation_is_told_from_that_of_tensors() -> None:
    texts = ["threads:float32:rtol=1e-5;gradient:layers.*:ulp=4", "env.A:ulp=2", "rtol=1"]
    assert part_tolerances(texts) == (
        ["gradient:layers.*:ulp=4", "rtol=1"],
        {"threads": ["float32:rtol=1e-5"], "env.A": ["ulp=2"]},
    )


def test_a_tolerance_of_what_is_not_varied_is_refused_but_a_project_may_have_more(
    asked: Asked, tmp_path: Path
) -> None:
    words = ["--quiet", "train.py", "--vary", "threads=1"]
    with pytest.raises(UsageError, match="tolerance for hash_seed, which is not varied") as raised:
        vary([*words, "--tolerance", "hash_seed:ulp=4"])
    assert raised.value.code == "tolerance-unused"
    (tmp_path / "pyproject.toml").write_text(
        '[tool.reproaudit]\nvary_tolerance = ["hash_seed:ulp=4"]\n'
    )
    assert vary(words) == 0
    assert asked.settings == ["threads=1"]


@pytest.mark.parametrize("text", ["thread:ulp=4", "ulp=4"])
def test_a_tolerance_of_the_project_that_names_no_variation_is_refused(
    asked: Asked, tmp_path: Path, text: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[tool.reproaudit]\nvary_tolerance = ["{text}"]\n')
    with pytest.raises(UsageError, match="names no variation"):
        vary(["--quiet", "train.py", "--vary", "threads=1"])


def test_the_table_names_every_variation(capsys: pytest.CaptureFixture[str]) -> None:
    assert vary(["--list"]) == 0
    shown = capsys.readouterr().out
    for name, entry in VARIATIONS.items():
        (row,) = [line for line in shown.splitlines() if line.split()[0] == name]
        assert entry.what in row
    assert "arg.--option" in shown


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], "usage"),
        (["train.py", "--vary", "thread=1"], "variation-unknown"),
        (["train.py", "--vary"], "usage"),
        (["train.py", "--tolerance", "thread:ulp=4"], "tolerance-syntax"),
        (["nowhere.py", "--vary", "threads"], "subject-missing"),
    ],
)
@pytest.mark.usefixtures("asked")
def test_a_mistake_is_refused_before_a_run(words: list[str], code: str) -> None:
    with pytest.raises(UsageError) as refused:
        vary(words)
    assert refused.value.code == code
