"""How a subject and its inputs are named, and what is refused with a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.subject import (
    InputSpec,
    SubjectKind,
    SubjectSpec,
    parse_inputs,
    parse_subject,
)
from reproaudit.errors import UsageError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "package").mkdir()
    for name in (
        "train.py",
        "evaluate.py",
        "notes.ipynb",
        "run.sh",
        "package/model.py",
        "odd:name.py",
    ):
        (tmp_path / name).touch()
    return tmp_path


def test_a_script_keeps_its_path_as_written_and_its_arguments(project: Path) -> None:
    spec = parse_subject("train.py", ["--epochs", "3", "::"], cwd=project)
    assert spec == SubjectSpec(
        SubjectKind.SCRIPT, project, path="train.py", argv=("--epochs", "3", "::")
    )
    assert str(spec) == "train.py"
    assert spec.file == project / "train.py"


def test_an_attribute_of_a_file_is_understood_with_its_inputs(project: Path) -> None:
    spec = parse_subject(
        "package/model.py::Net.small", inputs=["float[8, 3] int64[8]"], cwd=project
    )
    inputs = (InputSpec("float32", (8, 3)), InputSpec("int64", (8,)))
    assert spec == SubjectSpec(
        SubjectKind.ATTRIBUTE,
        project,
        path="package/model.py",
        attribute="Net.small",
        inputs=inputs,
    )
    assert str(spec) == "package/model.py::Net.small"


def test_an_attribute_of_an_importable_module_is_understood_without_importing_it(
    project: Path,
) -> None:
    spec = parse_subject("no.such.package:step", cwd=project)
    assert spec == SubjectSpec(
        SubjectKind.ATTRIBUTE, project, module="no.such.package", attribute="step"
    )
    assert str(spec) == "no.such.package:step"


def test_a_file_whose_name_has_a_colon_is_a_script(project: Path) -> None:
    assert parse_subject("odd:name.py", cwd=project).kind is SubjectKind.SCRIPT


def test_the_folder_of_a_subject_is_absolute(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    assert parse_subject("train.py").cwd == project


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("trian.py", "subject-missing", "'train.py'"),
        ("package/modle.py::Net", "subject-missing", "'model.py'"),
        ("zzz", "subject-missing", "evaluate.py, odd:name.py, train.py"),
        ("gone/train.py", "subject-missing", "no Python file lies in"),
        ("", "subject-missing", "train.py"),
        ("::step", "subject-missing", "train.py"),
        ("package", "subject-is-folder", "model.py"),
        ("package::step", "subject-is-folder", "model.py"),
        ("/dev/null", "subject-not-python", ".py"),
        ("n" * 300, "subject-missing", "train.py"),
        ("run.sh", "subject-not-python", ".py"),
        ("notes.ipynb", "notebook-invalid", "Jupyter"),
        ("notes.ipynb::step", "subject-invalid", "as a whole: notes.ipynb"),
        ("train.py::", "subject-invalid", "train.py::train_step"),
        ("train.py::a b", "subject-invalid", "train.py::train_step"),
        ("train.py::a::b", "subject-invalid", "train.py::train_step"),
        ("train.py:step", "subject-invalid", "train.py::step"),
        ("package/model:step", "subject-invalid", "package.module:name"),
        ("package.model:", "subject-invalid", "train.py::train_step"),
    ],
)
def test_a_subject_that_cannot_be_is_refused_with_a_way_out(
    project: Path, text: str, code: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse_subject(text, cwd=project)
    assert caught.value.code == code
    assert hint in caught.value.hint


def test_inputs_for_a_script_are_refused(project: Path) -> None:
    with pytest.raises(UsageError) as caught:
        parse_subject("train.py", inputs=["float32[1]"], cwd=project)
    assert caught.value.code == "inputs-without-module"


@pytest.mark.parametrize(
    ("text", "dtype", "shape"),
    [
        ("float32[8,3,32,32]", "float32", (8, 3, 32, 32)),
        (" long[ 0 , 2 ] ", "int64", (0, 2)),
        ("bool[]", "bool", ()),
    ],
)
def test_an_input_is_read_as_dtype_and_shape(text: str, dtype: str, shape: tuple[int, ...]) -> None:
    assert parse_inputs(text) == (InputSpec(dtype, shape),)


def test_several_inputs_stand_in_one_text_or_in_several() -> None:
    wanted = (InputSpec("float32", (8, 3)), InputSpec("int64", (8,)), InputSpec("bool", ()))
    assert parse_inputs(["float32[8, 3]", "int64[8] bool[]"]) == wanted
    assert parse_inputs("float32[8,3] int64[8]bool[ ]") == wanted
    assert parse_inputs(["", "  "]) == ()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("float31[2]", "'float32'"),
        ("float32", "float32[]"),
        ("float32[2", "float32[8,3,32,32]"),
        ("float32[-1]", "float32[8,3,32,32]"),
        ("float32[2,]", "float32[8,3,32,32]"),
        ("float32[1 2]", "float32[8,3,32,32]"),
        ("float32(2)", "float32[8,3,32,32]"),
        ("[2]", "float32[8,3,32,32]"),
        ("float32[99999999999999999999]", "float32[8,3,32,32]"),
    ],
)
def test_an_input_that_cannot_be_read_is_refused_with_an_example(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_inputs(text)
    assert caught.value.code == "input-invalid"
    assert hint in caught.value.hint


def test_a_subject_below_is_shown_from_where_the_user_stands(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "train.py").write_text("")
    below = parse_subject("net/train.py", ["--lr", "0.1"], cwd=tmp_path)
    assert (below.command, below.shown_folder) == ("net/train.py --lr 0.1", "net")
    assert parse_subject("train.py", cwd=tmp_path / "net").shown_folder == ""
    assert parse_subject("package.module:step", cwd=tmp_path).shown_folder == ""
