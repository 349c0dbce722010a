"""What a tracker is told of a result."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reproaudit.model.difference import Difference
from reproaudit.model.growth import Distances
from reproaudit.model.identity import fingerprints
from reproaudit.model.result import (
    AuditResult,
    Confidence,
)
from reproaudit.report.json_report import to_json
from reproaudit.track.facts import list_facts
from reproaudit.track.record import TrackRecord
from tests.report import cases
from tests.report.page.drawn import make_drawn


def test_a_result_that_differs_says_where_and_why_in_its_tags() -> None:
    result = cases.ONE_DIVERGENCE
    tags = dict(list_facts(result).tags)
    first = result.findings[0]
    assert tags["reproaudit.verdict"] == "not-reproducible"
    assert tags["reproaudit.cause"] == first.cause.value
    assert tags["reproaudit.op"] == first.op
    # From the working folder, as everywhere.
    assert tags["reproaudit.line"] == f"{result.folder}/{first.location}"


def test_a_rate_stands_between_its_bounds() -> None:
    differing = Confidence(0.95, None, 0.25, (0.01, 0.8))
    metrics = dict(list_facts(replace(cases.ONE_DIVERGENCE, confidence=differing)).metrics)
    assert metrics["reproaudit/divergence_rate"] == 0.25
    assert metrics["reproaudit/divergence_rate_at_least"] == 0.01
    assert metrics["reproaudit/divergence_rate_at_most"] == 0.8


def test_equal_runs_have_an_upper_bound_alone() -> None:
    metrics = dict(list_facts(cases.REPRODUCIBLE).metrics)
    bound = cases.REPRODUCIBLE.confidence.divergence_rate_at_most
    assert metrics["reproaudit/divergence_rate_at_most"] == bound
    assert "reproaudit/divergence_rate" not in metrics


def test_settings_and_environment_are_parameters() -> None:
    result = replace(cases.REPRODUCIBLE, settings=(("seed", "0"),))
    params = dict(list_facts(result).params)
    assert params["settings.seed"] == "0"
    assert params["environment.torch"] == "2.13.0"


def test_the_files_are_what_the_reports_are() -> None:
    files = dict(list_facts(cases.ONE_DIVERGENCE).files)
    assert files["result.json"].decode() == to_json(cases.ONE_DIVERGENCE)
    assert json.loads(files["report.sarif"])["version"] == "2.1.0"


def test_no_tracker_is_told_a_secret() -> None:
    result = replace(
        cases.ONE_DIVERGENCE,
        subject="train.py --api-key hunter2 --lr 1",
        settings=(("env.HF_TOKEN", "hunter2"), ("env.DB", "redis://:hunter2@host"), ("seed", "0")),
        next_commands=("reproaudit --env HF_TOKEN=hunter2 train.py --api-key hunter2 --lr 1",),
    )
    record = list_facts(result)
    assert "hunter2" not in repr(record)
    assert dict(record.params)["subject"] == "train.py --api-key (withheld) --lr 1"
    assert dict(record.params)["settings.seed"] == "0"


def test_what_a_baseline_accepts_is_accepted_without_the_secret_too() -> None:
    result = replace(cases.ONE_DIVERGENCE, subject="train.py --token=hunter2")
    accepted = frozenset(fingerprints(result.subject, result.findings))
    page = dict(list_facts(result, accepted).files)["report.html"].decode()
    assert "accepted in the baseline" in page
    assert "accepted in the baseline" not in dict(list_facts(result).files)["report.html"].decode()


def test_a_table_of_ten_thousand_rows_is_cut_and_that_is_said() -> None:
    result = replace(cases.ONE_DIVERGENCE, findings=cases.ONE_DIVERGENCE.findings * 10_000)
    record = list_facts(result)
    findings = next(table for table in record.tables if table.name == "findings")
    assert len(findings.rows) == 1000
    said = "table findings: the first 1,000 of 10,000 rows; result.json has all"
    assert said in record.left_out


@pytest.mark.parametrize("case", cases.CASES)
def test_every_text_is_printable_and_every_row_has_a_cell_for_each_column(case: str) -> None:
    record = list_facts(cases.CASES[case])
    for text in list_texts(record):
        assert text.isprintable()
    for table in record.tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_a_histogram_of_a_tensor_that_is_not_there_is_left_out() -> None:
    growth = make_drawn().growth
    assert growth is not None
    kept = Distances(0, 3, (("1", 7),))
    odd = replace(growth, histograms=(replace(kept, row=-1), replace(kept, row=10**9), kept))
    record = list_facts(replace(cases.REPRODUCIBLE, growth=odd))
    assert [one.step for one in record.histograms] == [3]


def test_a_distance_that_no_float_holds_is_left_out() -> None:
    (finding,) = cases.ONE_DIVERGENCE.findings
    far = Difference(9, 1, 10**400, 0.5, None)
    row = replace(cases.ONE_DIVERGENCE.divergences[0], difference=far)
    changed = replace(finding, difference=far)
    record = list_facts(replace(cases.ONE_DIVERGENCE, findings=(changed,), divergences=(row,)))
    metrics = dict(record.metrics)
    assert metrics["reproaudit/max_abs"] == 0.5
    assert "reproaudit/max_ulp" not in metrics


def test_a_result_without_anything_has_a_verdict() -> None:
    empty: AuditResult = cases.EMPTY
    record = list_facts(empty)
    assert dict(record.tags)["reproaudit.verdict"] == "not-audited"
    assert record.tables == ()


def list_texts(record: TrackRecord) -> list[str]:
    """Return the texts of a record that are shown as they are."""
    cells = [cell for table in record.tables for row in table.rows for cell in row]
    return [
        record.name,
        record.note,
        *(text for pair in (*record.tags, *record.params) for text in pair),
        *(name for name, _ in record.metrics),
        *(one.name for one in (*record.series, *record.histograms)),
        *(cell for cell in cells if isinstance(cell, str)),
        *record.left_out,
    ]
