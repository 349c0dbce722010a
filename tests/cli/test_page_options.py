"""All operators of two runs on the page, read from their traces."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from reproaudit.cli.main import main
from reproaudit.model.events import EventKind
from reproaudit.report.json_report import from_json
from tests.comparison.traces import Row, make_run

OPS = 1000
_PAYLOAD = re.compile(r'<script type="application/json" id="payload">(.*?)</script>', re.DOTALL)


def write_traces(folder: Path, ops: int = OPS) -> list[str]:
    """Write two traces of so many ops, of which one gives another result in each."""
    traces = []
    for number in (1, 2):
        rows = [Row("aten::mm", 7, 3, line=line) for line in range(1, ops)]
        rows.append(Row("aten::index_put_", number, 7, line=5))
        rows.append(Row("loss", number, kind=EventKind.OUTPUT))
        traces.append(str(make_run(folder, number, rows).main.directory))
    return traces


def read_page(path: Path) -> dict[str, Any]:
    """Return the only result of a page, as it is in it."""
    found = _PAYLOAD.search(path.read_text())
    assert found is not None
    (result,) = json.loads(found[1])["results"]
    shown: dict[str, Any] = result
    return shown


def count_rows(page: dict[str, Any]) -> list[int]:
    return [stretch["state"]["length"] for stretch in page["ops"]["stretches"]]


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the result of comparing `kept/run-1` and `kept/run-2`."""
    monkeypatch.chdir(tmp_path)
    traces = write_traces(tmp_path / "kept")
    assert main(["compare", *traces, "--report", "json=result.json"]) == 1
    return tmp_path


def test_a_comparison_s_page_has_all_operators_and_its_result_those_around_the_source(
    saved: Path,
) -> None:
    traces = ["kept/run-1", "kept/run-2"]
    assert main(["compare", *traces, "--report", "html=a.html", "--report", "json=b.json"]) == 1
    assert count_rows(read_page(saved / "a.html")) == [OPS]
    ops = from_json((saved / "b.json").read_text()).ops
    assert ops is not None
    assert [(one.first_row, one.rows, one.total) for one in ops.stretches] == [(899, 101, OPS)]
    assert (ops.runs, ops.folders) == ((0, 1), ("run-1", "run-2"))


@pytest.mark.parametrize(
    "traces", [["--traces", "kept"], ["--traces", "kept/run-1", "--traces", "kept/run-2"]]
)
def test_the_page_of_a_saved_result_has_all_operators_if_it_is_given_their_traces(
    saved: Path, traces: list[str]
) -> None:
    assert main(["report", "result.json", "--report", "html=without.html"]) == 1
    assert count_rows(read_page(saved / "without.html")) == [101]
    assert main(["report", "result.json", *traces, "--report", "html=with.html"]) == 1
    assert count_rows(read_page(saved / "with.html")) == [OPS]


WRONG = {
    "no page": (["--traces", "kept"], "usage", "--report html=PATH"),
    "too many": (["--traces", "a", "--traces", "b", "--traces", "c"], "usage", "names 3 folders"),
    "another folder": (["--traces", ".", "--report", "html=p"], "trace-missing", "run-1"),
    "other traces": (["--traces", "other", "--report", "html=p"], "traces-of-another", "other/run"),
}


@pytest.mark.parametrize("case", WRONG)
def test_traces_that_cannot_be_shown_are_refused(
    saved: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words, code, said = WRONG[case]
    write_traces(saved / "other", OPS - 1)
    assert main(["report", "result.json", *words]) == 2
    error = capsys.readouterr().err
    assert f"[{code}]" in error
    assert said in error
    assert not (saved / "p").exists()


def test_a_result_without_operators_has_no_traces_to_show(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "kept/run-1", "kept/run-2", "--report", "json=result.json"]) == 1
    document = json.loads((saved / "result.json").read_text())
    del document["ops"]
    (saved / "result.json").write_text(json.dumps(document))
    assert main(["report", "result.json", "--traces", "kept", "--report", "html=p"]) == 2
    assert "[traces-of-another]" in capsys.readouterr().err


def test_a_stranger_s_result_leads_to_no_other_folder(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads((saved / "result.json").read_text())
    document["ops"]["folders"] = ["../kept/run-1", "../kept/run-2"]
    (saved / "result.json").write_text(json.dumps(document))
    (saved / "empty").mkdir()
    assert main(["report", "result.json", "--traces", "empty", "--report", "html=p"]) == 2
    assert "[trace-missing]" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["..", ".", "/", "a/..", ""])
def test_a_stranger_s_result_leads_to_no_folder_above(
    saved: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads((saved / "result.json").read_text())
    document["ops"]["folders"] = [name, "run-2"]
    (saved / "result.json").write_text(json.dumps(document))
    shutil.copytree(saved / "kept" / "run-1", saved / "kept", dirs_exist_ok=True)
    shutil.copytree(saved / "kept" / "run-2", saved / "kept" / "below" / "run-2")
    for folder in ("kept", "kept/below"):
        assert main(["report", "result.json", "--traces", folder, "--report", "html=p"]) == 2
        assert "[traces-of-another]" in capsys.readouterr().err


def test_traces_of_one_name_are_both_to_be_named(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads((saved / "result.json").read_text())
    document["ops"]["folders"] = ["run-1", "run-1"]
    (saved / "result.json").write_text(json.dumps(document))
    assert main(["report", "result.json", "--traces", "kept", "--report", "html=p"]) == 2
    assert "--traces A --traces B" in capsys.readouterr().err


def test_source_that_is_not_wanted_is_left_out_of_every_report(saved: Path) -> None:
    document = json.loads((saved / "result.json").read_text())
    document["excerpts"] = [{"path": "train.py", "first_line": 5, "lines": ["the_secret = 1"]}]
    (saved / "result.json").write_text(json.dumps(document))
    both = ["--report", "html=p.html", "--report", "json=p.json"]
    assert main(["report", "result.json", *both]) == 1
    assert "the_secret" in (saved / "p.html").read_text()
    assert "the_secret" in (saved / "p.json").read_text()
    assert main(["report", "result.json", "--no-source", *both]) == 1
    assert "the_secret" not in (saved / "p.html").read_text()
    assert "excerpts" not in json.loads((saved / "p.json").read_text())


def test_a_patch_is_source_too(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads((saved / "result.json").read_text())
    patch = ["--- train.py", "+++ train.py", "@@ -1 +1 @@", "-the_secret = 1", "+the_secret = 2"]
    document["findings"][0]["fix"]["patch"] = patch
    (saved / "result.json").write_text(json.dumps(document))
    formats = ("html", "json", "markdown", "sarif", "junit", "github", "codequality")
    reports = [word for name in formats for word in ("--report", f"{name}=p.{name}")]
    assert main(["report", "result.json", *reports]) == 1
    assert "the_secret" in (saved / "p.json").read_text()
    assert "the_secret" in capsys.readouterr().out
    assert main(["report", "result.json", "--no-source", *reports]) == 1
    for name in formats:
        assert "the_secret" not in (saved / f"p.{name}").read_text()
    assert "the_secret" not in capsys.readouterr().out
    assert main(["report", "result.json", "--no-source", "--report", "patch=p"]) == 2
    assert "--no-source" in capsys.readouterr().err
    assert not (saved / "p").exists()


def test_a_folder_without_the_traces_of_an_audit_is_told_what_to_name(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", "result.json", "--traces", "kept/run-1", "--report", "html=p"]
    assert main(words) == 2
    assert "--out" in capsys.readouterr().err
