"""Where reports go, and what is left when they cannot go there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reproaudit.errors import UsageError
from reproaudit.report import render
from reproaudit.report.output import check_reports, emit, write_reports
from tests.report.cases import ONE_DIVERGENCE, REPRODUCIBLE


def test_an_unknown_format_is_refused_before_any_run() -> None:
    with pytest.raises(UsageError) as caught:
        check_reports([("json", "-"), ("jsn", "out.json")])
    assert "json" in caught.value.hint


def test_the_report_for_a_screen_is_shown_beside_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.json"
    emit(REPRODUCIBLE, [("json", str(path))])
    assert path.read_text(encoding="utf-8") == render(REPRODUCIBLE, "json")
    assert capsys.readouterr().out == render(REPRODUCIBLE, "terminal")


def test_a_report_that_was_asked_for_on_stdout_is_all_that_stands_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    emit(REPRODUCIBLE, [("json", "-")])
    assert capsys.readouterr().out == render(REPRODUCIBLE, "json")


def test_a_suffix_stands_before_the_end_of_the_name_and_not_on_stdout(tmp_path: Path) -> None:
    emit(REPRODUCIBLE, [("json", str(tmp_path / "out.json")), ("github", "-")], suffix="-2")
    assert [path.name for path in tmp_path.iterdir()] == ["out-2.json"]


def test_one_report_over_several_results_holds_them_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.txt"
    is_on_stdout = write_reports([REPRODUCIBLE, ONE_DIVERGENCE], [("github", str(path))])
    assert not is_on_stdout
    assert "2 audits, 1 reproducible, 1 not reproducible" in path.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_leaves_nothing_and_names_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    taken = tmp_path / "out"
    taken.mkdir()
    with pytest.raises(UsageError) as caught:
        write_reports([REPRODUCIBLE], [("json", str(taken))])
    assert caught.value.code == "report-write"
    assert str(taken) in caught.value.message
    assert list(tmp_path.iterdir()) == [taken]


def test_two_reports_into_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two reports go to"):
        check_reports([("json", str(tmp_path / "x")), ("sarif", f"{tmp_path}/./x")])


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
def test_a_stdout_that_takes_nothing_is_one_clear_line(tmp_path: Path, redirection: str) -> None:
    saved = tmp_path / "result.json"
    saved.write_text(render(ONE_DIVERGENCE, "json"), encoding="utf-8")
    command = f"exec {sys.executable} -m reproaudit report {saved} {redirection}"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert ("[stream-closed]" if redirection == ">&-" else "[report-write]") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_gone_away_ends_the_command_quietly(tmp_path: Path) -> None:
    saved = tmp_path / "result.json"
    saved.write_text(render(ONE_DIVERGENCE, "json"), encoding="utf-8")
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "reproaudit", "report", str(saved)],
            stdout=write_end,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (2, "")


def test_a_report_that_cannot_be_written_is_kept_elsewhere_and_the_result_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone = tmp_path / "file" / "result.json"
    gone.parent.touch()
    also = tmp_path / "also.md"
    with pytest.raises(UsageError) as caught:
        emit(ONE_DIVERGENCE, [("json", str(gone)), ("markdown", str(also))])
    (kept,) = tmp_path.glob("reproaudit-kept-*.json")
    assert caught.value.hint.endswith(f"the json report is in {kept}")
    assert kept.read_text(encoding="utf-8") == render(ONE_DIVERGENCE, "json")
    assert also.exists()
    assert "not reproducible" in capsys.readouterr().out


@pytest.mark.parametrize(
    "where", [".", "file/result.json", "/proc/result.json", "/dev/null", "n" * 300]
)
def test_a_path_that_cannot_be_written_is_refused_before_any_run(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(UsageError, match="cannot write the json report"):
        check_reports([("json", where)])
    check_reports([("json", "new/folder/result.json"), ("json", "-")])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
