"""`reproaudit manifest`, and `reproaudit compare` of two manifests: exit codes, streams, files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.cli.main import main
from reproaudit.config.settings import Settings
from reproaudit.manifest.document import from_json, to_json
from tests.manifest.manifests import FULL
from tests.manifest.repositories import make_repository

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text(to_json(FULL))
    Path("b.txt").write_text(to_json(replace(FULL, settings=Settings(seed=7))))
    return tmp_path


def test_a_manifest_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(make_repository(tmp_path, {"train.py": ""}))
    assert main(["manifest", "--seed", "3", "train.py", "--lr", "1"]) == 0
    made = from_json(capsys.readouterr().out, "-")
    assert made.settings.seed == 3
    assert made.command.arguments == ("--lr", "1")


def test_without_a_subject_the_working_folder_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_repository(tmp_path / "p", {"train.py": ""}))
    assert main(["manifest", "--out", str(tmp_path / "m.json")]) == 0
    made = from_json((tmp_path / "m.json").read_text(), "m.json")
    assert made.code.commit
    assert made.command.subject == ""


def test_what_could_not_be_found_out_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    make_repository(tmp_path, {"train.py": ""})
    (tmp_path / ".git" / "HEAD").write_text("nonsense\n")
    monkeypatch.chdir(tmp_path)
    assert main(["manifest"]) == 0
    said = capsys.readouterr()
    assert "warning: the repository was not read: git says: " in said.err
    json.loads(said.out)


def test_a_place_that_takes_no_file_is_told_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert main(["manifest", "--out", "file/m.json"]) == 2
    assert "[manifest-write]" in capsys.readouterr().err


def test_manifests_are_known_by_their_content_and_exit_with_1(pair: Path, capsys: Captured) -> None:
    assert main(["compare", "a.json", "b.txt"]) == 1
    assert capsys.readouterr().out.startswith("1 difference: seed\n")


def test_equal_manifests_exit_with_0(pair: Path) -> None:
    assert main(["compare", "a.json", "a.json"]) == 0


def test_json_goes_where_it_is_asked_for(pair: Path, capsys: Captured) -> None:
    assert main(["compare", "a.json", "b.txt", "--report", "json=c.json"]) == 1
    assert capsys.readouterr().out.startswith("1 difference")
    assert json.loads(Path("c.json").read_text())["differences"][0]["name"] == "seed"
    assert main(["compare", "a.json", "b.txt", "--report", "json=-"]) == 1
    assert capsys.readouterr().out == Path("c.json").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("a.json none.json", "there is no such file"),
        ("a.json .", "it is a folder"),
        ("a.json", "1 manifests were named, and two are compared"),
        ("a.json b.txt a.json", "3 manifests were named"),
        ("a.json b.txt --report sarif=x", "has no sarif report"),
        ("a.json b.txt --report json=a.json/x", "cannot write the comparison"),
        ("a.json b.txt --tolerance ulp=4", "--tolerance is about tensors"),
        ("a.json bad.json", "it is not JSON"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_exits_with_2(
    pair: Path, capsys: Captured, words: str, said: str
) -> None:
    Path("bad.json").write_text("train")
    assert main(["compare", *words.split()]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("reproaudit: error: ")
    assert len(error.splitlines()) == 2


def test_a_dockerfile_is_written_from_a_saved_manifest(pair: Path, capsys: Captured) -> None:
    assert main(["manifest", "--from", "a.json", "--dockerfile", "again"]) == 0
    assert capsys.readouterr().out == ""
    names = sorted(path.name for path in Path("again").iterdir())
    assert names == ["Dockerfile", "changes.patch", "requirements.lock"]
    assert "torch==2.13.0+cu126" in Path("again/requirements.lock").read_text()


def test_a_dockerfile_that_is_there_is_not_replaced(pair: Path, capsys: Captured) -> None:
    Path("Dockerfile").write_text("FROM mine\n")
    assert main(["manifest", "--from", "a.json", "--dockerfile", "."]) == 2
    assert "[out-exists]" in capsys.readouterr().err
    assert Path("Dockerfile").read_text() == "FROM mine\n"
    assert not Path("requirements.lock").exists()


def test_a_saved_manifest_takes_no_subject(pair: Path, capsys: Captured) -> None:
    assert main(["manifest", "--from", "a.json", "train.py"]) == 2
    assert "--from names a manifest" in capsys.readouterr().err
