"""What [tool.reproaudit] and the environment may say, what is refused, and who is heard first."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.project import (
    DEFAULTS,
    Choices,
    ProjectConfig,
    Subject,
    load_project,
    read_environment_choices,
    resolve,
)
from reproaudit.config.settings import Settings
from reproaudit.config.tolerance import Ignored, TensorPattern, Tolerance
from reproaudit.errors import UsageError


def write_project(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_project_is_read_from_the_nearest_file_that_has_our_table(tmp_path: Path) -> None:
    path = write_project(
        tmp_path,
        '[tool.reproaudit]\nruns = 3\nsteps = "all"\ntimeout = 60\n'
        "tolerance = {rtol = 1e-5, ulp = 2}\n"
        '[tool.reproaudit.presets.strict]\nseed = 0\ndeterministic = "error"\nenv = {A = "1"}\n',
    )
    write_project(tmp_path / "package", "[tool.other]\nruns = 9\n")
    (tmp_path / "package" / "deep").mkdir()
    project = load_project(tmp_path / "package" / "deep")
    assert project == ProjectConfig(
        path=path,
        presets=(("strict", Settings(seed=0, deterministic="error", env=(("A", "1"),))),),
        choices=Choices(runs=3, steps="all", timeout_s=60.0),
        tolerance=Tolerance(rtol=1e-5, ulp=2),
    )


def test_an_empty_table_ends_the_search(tmp_path: Path) -> None:
    write_project(tmp_path, "[tool.reproaudit]\nruns = 3\n")
    path = write_project(tmp_path / "inner", "[tool.reproaudit]\n")
    assert load_project(tmp_path / "inner") == ProjectConfig(path=path)


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("rnus = 3", "'runs'"),
        ("[tool.reproaudit.presets.a]\nsede = 3", "'seed'"),
        ("tolerance = {rtoll = 1.0}", "'rtol'"),
        ('tolerances = {"*.bias" = {ulps = 1}}', "'ulp'"),
        ('subjects = [{subject = "a.py", nmae = "b"}]', "'name'"),
        ('subject = ["a.py"]', "'subjects'"),
    ],
)
def test_an_unknown_key_of_the_project_is_refused_with_the_nearest_name(
    tmp_path: Path, table: str, named: str
) -> None:
    write_project(tmp_path, f"[tool.reproaudit]\n{table}\n")
    with pytest.raises(UsageError) as caught:
        load_project(tmp_path)
    assert named in caught.value.hint
    assert str(tmp_path) in caught.value.message


def test_a_budget_that_is_a_number_of_runs_needs_no_quotes(tmp_path: Path) -> None:
    write_project(tmp_path, "[tool.reproaudit]\nbudget = 20\n")
    assert load_project(tmp_path).choices.budget == (20, None)


@pytest.mark.parametrize(
    "table",
    [
        "runs = 1",
        "runs = true",
        'runs = "3"',
        "steps = 0",
        'steps = "every"',
        "timeout = 0",
        "timeout = nan",
        "timeout = 1" + "0" * 400,
        "tolerance = {rtol = 1" + "0" * 400 + "}",
        'budget = "minutes=1e308"',
        'timeout = "60"',
        "tolerance = 1e-5",
        "tolerance = {rtol = -1.0}",
        "tolerance = {rtol = inf}",
        "tolerance = {ulp = 1.5}",
        "tolerance = {ulp = true}",
        "presets = 1",
        "presets = {a = 1}",
        "presets = {a = {seed = -1}}",
        "preset = 1",
        "preset = ' '",
        "baseline = true",
        "budget = 0",
        "budget = true",
        "budget = 1.5",
        "budget = 'hours=1'",
        "budget = 'runs=0'",
        "budget = 'minutes=-1'",
        "budget = 'runs=1.5'",
        "tolerances = 3",
        "ignore = []",
        "ignore = {'*.bias' = ''}",
        "ignore = {'*.bias' = true}",
        "subjects = 'a.py'",
        "subjects = [3]",
        "subjects = ['']",
        'subjects = ["it\'s"]',
        "subjects = [{name = 'a'}]",
        "subjects = [{subject = 'a.py', seed = -1}]",
        "subjects = [{subject = 'a.py', runs = 1}]",
        "subjects = [{subject = 'a.py', inputs = 3}]",
        "subjects = [{subject = 'a.py', name = ''}]",
    ],
)
def test_a_project_value_of_the_wrong_kind_is_refused(tmp_path: Path, table: str) -> None:
    write_project(tmp_path, f"[tool.reproaudit]\n{table}\n")
    with pytest.raises(UsageError) as caught:
        load_project(tmp_path)
    assert caught.value.code == "setting-invalid"
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize("content", [b"[tool.reproaudit\n", b"\xff\n"])
def test_a_project_file_that_is_no_toml_is_a_usage_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_project(tmp_path)
    assert caught.value.code == "config-invalid"


def test_subjects_are_texts_or_tables_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        "[tool.reproaudit]\nbaseline = 'ci/known.json'\n"
        "subjects = ['train.py --name \"two words\"', "
        "{subject = 'net.py::Net', name = 'net', inputs = 'float32[2]', cwd = 'models', "
        "seed = 4, steps = 'all', "
        "preset = 'strict', budget = 'runs=9,minutes=2'}]\n",
    )
    (tmp_path / "deep").mkdir()
    project = load_project(tmp_path / "deep")
    assert project.choices.baseline == tmp_path / "ci" / "known.json"
    assert project.subjects == (
        Subject("train.py --name two words", ("train.py", "--name", "two words"), tmp_path),
        Subject(
            "net",
            ("net.py::Net",),
            tmp_path / "models",
            ("float32[2]",),
            4,
            Choices(steps="all", preset="strict", budget=(9, 120.0)),
        ),
    )


def test_two_subjects_of_one_name_are_refused_but_one_program_may_have_two_names(
    tmp_path: Path,
) -> None:
    write_project(
        tmp_path, "[tool.reproaudit]\nsubjects = ['a.py', {subject = 'a.py', name = 'again'}]\n"
    )
    assert [subject.name for subject in load_project(tmp_path).subjects] == ["a.py", "again"]
    write_project(
        tmp_path, "[tool.reproaudit]\nsubjects = ['a.py', {subject = 'a.py', seed = 1}]\n"
    )
    with pytest.raises(UsageError) as caught:
        load_project(tmp_path)
    assert caught.value.code == "subject-name"


def test_patterns_keep_the_order_of_the_file(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        '[tool.reproaudit.tolerances]\n"gradient:z.*" = {ulp = 4}\n"*" = {rtol = 1e-3}\n'
        '[tool.reproaudit.ignore]\n"output:z" = "drawn anew"\n"a.bias" = "not used"\n',
    )
    project = load_project(tmp_path)
    assert [(pattern.text, tolerance.ulp) for pattern, tolerance in project.tolerances] == [
        ("gradient:z.*", 4),
        ("*", 0),
    ]
    assert project.ignored == (
        Ignored(TensorPattern("output:z"), "drawn anew"),
        Ignored(TensorPattern("a.bias"), "not used"),
    )


@pytest.mark.parametrize(
    ("pattern", "hint"), [("gradients:w", "gradient"), ("gradient:", "gradient"), ("", "kinds")]
)
def test_a_pattern_that_names_no_kind_of_tensor_or_no_tensor_is_refused(
    tmp_path: Path, pattern: str, hint: str
) -> None:
    write_project(tmp_path, f'[tool.reproaudit.ignore]\n"{pattern}" = "why"\n')
    with pytest.raises(UsageError) as caught:
        load_project(tmp_path)
    assert caught.value.code == "pattern-invalid"
    assert hint in caught.value.hint
    assert str(tmp_path) in caught.value.message


CHOICES = {
    "runs": (7, 8, 9, 10),
    "steps": ("all", 4, 5, 6),
    "timeout_s": (1.0, 2.0, 3.0, 4.0),
    "preset": ("a", "b", "c", "d"),
    "budget": ((1, None), (2, None), (None, 3.0), (4, 4.0)),
    "baseline": (Path("a"), Path("b"), Path("c"), Path("d")),
    "track": (("mlflow",), ("wandb",), ("none",), ("tensorboard=runs",)),
}


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("first", range(5))
def test_the_first_place_that_says_something_is_heard(name: str, first: int) -> None:
    """The places are the command line, the environment, the subject's entry and the project."""
    said = [
        Choices(**{name: value}) if place >= first else Choices()
        for place, value in enumerate(CHOICES[name])
    ]
    expected = (*CHOICES[name], getattr(DEFAULTS, name))[first]
    assert getattr(resolve(*said, DEFAULTS), name) == expected


def test_every_choice_has_its_precedence_tested() -> None:
    assert set(CHOICES) == set(Choices.__dataclass_fields__)


def test_the_environment_says_what_its_variables_hold_and_an_empty_one_says_nothing(
    tmp_path: Path,
) -> None:
    environ = {
        "REPROAUDIT_RUNS": "7",
        "REPROAUDIT_STEPS": "all",
        "REPROAUDIT_TIMEOUT": "2.5",
        "REPROAUDIT_PRESET": "strict",
        "REPROAUDIT_BUDGET": "40",
        "REPROAUDIT_BASELINE": "known.json",
        "REPROAUDIT_FILL": "90",
        "RUNS": "1",
    }
    assert read_environment_choices(environ, tmp_path) == Choices(
        7, "all", 2.5, "strict", (40, None), tmp_path / "known.json"
    )
    assert read_environment_choices(dict.fromkeys(environ, " "), tmp_path) == Choices()


@pytest.mark.parametrize(
    ("name", "text"),
    [("RUNS", "1"), ("RUNS", "many"), ("STEPS", "0"), ("TIMEOUT", "nan"), ("BUDGET", "hours=1")],
)
def test_a_variable_with_a_wrong_value_is_refused_by_its_name(
    tmp_path: Path, name: str, text: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read_environment_choices({f"REPROAUDIT_{name}": text}, tmp_path)
    assert caught.value.code == "setting-invalid"
    assert name.lower() in str(caught.value).lower()


def test_the_configuration_that_the_page_on_ci_shows_is_read(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "ci.md"
    text = page.read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(
        text.partition("```toml\n")[2].partition("```")[0], encoding="utf-8"
    )
    project = load_project(tmp_path)
    assert [subject.name for subject in project.subjects] == ["train.py --epochs 1", "net"]
    assert dict(project.presets)["strict"].deterministic == "error"
    assert len(project.ignored) == 1
