"""The command line: what every mistake says, and which exit code it gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit import __version__
from reproaudit.cli.main import COMMANDS, main
from reproaudit.model.result import AuditResult

LONG = "n" * 300


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
        ("compare . train.py ./", "'.' and './' are one trace"),
        ("report missing.json", "[result-missing]"),
        (f"compare {LONG} {LONG}", "File name too long"),
        (f"record --out {LONG} train.py", "[trace-unwritable]"),
        ("record", "no subject was named"),
        ("record --out train.py train.py", "'train.py': it is no folder"),
        ("--sede 1 train.py", "did you mean '--seed'?"),
        ("--values-mb -5 train.py", "'-5' is not a whole number from 0"),
        ("--cublas-workspace foo train.py", "such as :4096:8"),
        ("--fill-uninitialized on train.py", "nothing without --deterministic"),
        ("--seeds 1,2 --seed 3 train.py", "--seeds and --seed both"),
        ("--report json=. train.py", "it is a folder"),
        ("--report json=train.py/x train.py", "cannot write the json report"),
        ("--report json=/proc/x.json train.py", "cannot write the json report"),
        ("recrod train.py", "did you mean 'record'?"),
        ("explian", "did you mean 'explain'?"),
        ("explain.py", "there is no file 'explain.py'"),
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


def test_help_names_the_commands_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    said = capsys.readouterr().out
    for command in COMMANDS:
        assert command == "audit" or f"\n    {command} " in said


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"reproaudit {__version__}\n"


def test_a_fault_of_our_own_never_looks_like_a_divergence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(paths: object, tolerances: object, **others: object) -> AuditResult:
        raise IndexError("planted")

    monkeypatch.setattr("reproaudit.experiment.offline.compare_traces", broken)
    assert main(["compare", "a", "b"]) == 2
    assert "[internal]" in capsys.readouterr().err


def test_a_package_that_is_missing_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def import_it(paths: object, tolerances: object, **others: object) -> AuditResult:
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    monkeypatch.setattr("reproaudit.experiment.offline.compare_traces", import_it)
    assert main(["compare", "a", "b"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("reproaudit: error: the module 'numpy' is not there [module-missing]")
    assert "Traceback" not in error


def test_a_working_folder_that_was_deleted_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for words in ([], ["train.py"], ["ci"], ["lock"], ["record", "train.py"]):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert error.startswith("reproaudit: error: the working folder is not there")
