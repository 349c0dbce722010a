"""A result shows itself: as text, and in a notebook as the page."""

from __future__ import annotations

import html
import re
from dataclasses import fields
from pathlib import Path

import pytest

import reproaudit
from reproaudit.api.result import make_result
from reproaudit.model.result import AuditResult, Fix
from reproaudit.report import formats, render
from tests.report.cases import CASES, ONE_DIVERGENCE


@pytest.mark.parametrize("name", CASES)
def test_a_result_has_all_facts_and_reads_as_the_report(name: str) -> None:
    result = make_result(CASES[name])
    for field in fields(AuditResult):
        assert getattr(result, field.name) is getattr(CASES[name], field.name)
    assert f"{result}\n" == render(CASES[name], "terminal")


@pytest.mark.parametrize("format", formats())
def test_each_report_is_that_of_the_command_line(format: str) -> None:
    assert make_result(ONE_DIVERGENCE).render(format) == render(ONE_DIVERGENCE, format)


def test_a_notebook_shows_the_page_in_a_frame_that_reaches_nothing_else() -> None:
    shown = make_result(CASES["hostile"])._repr_html_()
    frame = re.fullmatch(r'<iframe srcdoc="([^"]*)" sandbox="([^"]*)" .*', shown)
    assert frame is not None
    assert "allow-same-origin" not in frame[2]
    page = html.unescape(frame[1])
    assert page.startswith("<!doctype html>")
    # Nothing of it is part of the notebook's own page.
    assert shown.count("<") == 2


def test_where_no_page_is_shown_the_text_is() -> None:
    result = make_result(ONE_DIVERGENCE)
    assert result._repr_markdown_() == render(ONE_DIVERGENCE, "markdown")
    assert repr(result) == f"<reproaudit.Result not-reproducible: {ONE_DIVERGENCE.headline}>"


def test_a_saved_result_is_loaded_as_it_was(tmp_path: Path) -> None:
    result = make_result(ONE_DIVERGENCE)
    result.save(tmp_path / "result.json")
    assert reproaudit.load(tmp_path / "result.json") == result
    assert result.exit_code == 1


def test_what_cannot_be_written_or_read_is_said(tmp_path: Path) -> None:
    result = make_result(ONE_DIVERGENCE)
    with pytest.raises(reproaudit.UsageError, match="no report format 'pdf'"):
        result.save(tmp_path / "result.pdf", "pdf")
    result.save(tmp_path / "result.json")
    with pytest.raises(reproaudit.UsageError, match="cannot write the json report"):
        result.save(tmp_path / "result.json" / "below")
    with pytest.raises(reproaudit.UsageError) as missing:
        reproaudit.load(tmp_path / "none.json")
    assert missing.value.code == "result-missing"


def test_a_patch_is_lines_that_print_as_a_file() -> None:
    patch = Fix(patch=("--- a", "+++ b")).patch
    assert patch == ("--- a", "+++ b")
    assert str(patch) == "--- a\n+++ b"


def test_a_result_without_traces_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(reproaudit.UsageError, match="no traces to compare") as error:
        reproaudit.compare(make_result(ONE_DIVERGENCE), tmp_path)
    assert error.value.code == "trace-missing"


def test_one_run_is_not_compared_with_itself(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(reproaudit.UsageError, match="are one trace"):
        reproaudit.compare(tmp_path / "run", tmp_path / "run")
    with pytest.raises(reproaudit.UsageError, match="1 traces cannot be compared"):
        reproaudit.compare(tmp_path / "run")
