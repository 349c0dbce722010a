"""A record in MLflow, read back by its client."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reproaudit.track.to_mlflow import MlflowTracker
from tests.track.records import ODD, ODD_NAMES, RECORD

pytestmark = pytest.mark.filterwarnings(
    "ignore::sqlalchemy.exc.SADeprecationWarning"  # what MLflow asks of it
)


def test_a_record_is_read_back_as_it_was_given(mlflow_store: Any) -> None:
    logged = MlflowTracker().log(RECORD)
    run = mlflow_store.get_run(logged.run)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "reproaudit train.py"
    assert run.data.params == dict(RECORD.params)
    assert dict(RECORD.tags).items() <= run.data.tags.items()
    assert run.data.metrics.items() >= dict(RECORD.metrics).items()
    history = mlflow_store.get_metric_history(logged.run, RECORD.series[0].name)
    assert [(one.step, one.value) for one in history] == list(RECORD.series[0].points)
    assert {one.path for one in mlflow_store.list_artifacts(logged.run)} == {
        "divergences.json",
        "ulp_histograms.json",
        "summary.md",
        "result.json",
        "report.html",
    }


def test_runs_that_are_not_reproducible_are_found_by_a_tag(mlflow_store: Any) -> None:
    logged = MlflowTracker().log(RECORD)
    found = mlflow_store.search_runs(["0"], "tags.`reproaudit.verdict` = 'not-reproducible'")
    assert [run.info.run_id for run in found] == [logged.run]
    assert not mlflow_store.search_runs(["0"], "tags.`reproaudit.verdict` = 'reproducible'")


def test_a_table_keeps_its_numbers_exactly(mlflow_store: Any) -> None:
    import mlflow

    logged = MlflowTracker().log(RECORD)
    table = mlflow.load_table("divergences.json", [logged.run])
    assert list(table["name"]) == ["weight", "ü"]
    assert table["max_abs"][0] == 3.6e-12


def test_it_is_nested_below_the_run_under_way_which_is_tagged_too(mlflow_store: Any) -> None:
    import mlflow

    with mlflow.start_run(run_name="training") as parent:
        assert MlflowTracker().has_active_run()
        logged = MlflowTracker().log(RECORD, "elsewhere")
        assert mlflow.active_run().info.run_id == parent.info.run_id
    run = mlflow_store.get_run(logged.run)
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    tags = mlflow_store.get_run(parent.info.run_id).data.tags
    assert tags["reproaudit.verdict"] == "not-reproducible"


def test_it_is_nested_below_the_run_that_the_environment_names(
    mlflow_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = mlflow_store.create_experiment("training")
    parent = mlflow_store.create_run(experiment, run_name="training").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", parent)
    logged = MlflowTracker().log(RECORD)
    assert os.environ["MLFLOW_RUN_ID"] == parent
    run = mlflow_store.get_run(logged.run)
    assert run.data.tags["mlflow.parentRunId"] == parent
    assert run.info.experiment_id == experiment
    assert mlflow_store.get_run(parent).info.status == "RUNNING"


def test_a_place_is_an_experiment_that_is_made_where_there_is_none(mlflow_store: Any) -> None:
    runs = [MlflowTracker().log(RECORD, "audits") for _ in range(2)]
    experiment = mlflow_store.get_experiment_by_name("audits").experiment_id
    found = mlflow_store.search_runs([experiment])
    assert {run.info.run_id for run in found} == {logged.run for logged in runs}


def test_what_does_not_fit_is_cut_and_that_is_said(mlflow_store: Any) -> None:
    logged = MlflowTracker().log(ODD)
    run = mlflow_store.get_run(logged.run)
    assert len(run.data.params) == len(ODD.params)
    assert run.data.params["long"] == "x" * 5999 + "…"
    assert len(run.data.metrics) == 2 * len(ODD_NAMES)
    path = mlflow_store.download_artifacts(logged.run, "left_out.txt")
    assert "param long: 6,000 of its 10,000 characters" in Path(path).read_text().splitlines()
    assert run.data.tags["reproaudit.left_out"] == "10 notes in left_out.txt"


def test_a_value_that_no_database_holds_is_left_out(mlflow_store: Any) -> None:
    record = replace(RECORD, metrics=(("inf", math.inf), ("nan", math.nan), ("most", 1e307)))
    data = mlflow_store.get_run(MlflowTracker().log(record).run).data
    assert data.metrics.items() >= {"most": 1e307}.items()
    assert not {"inf", "nan"} & data.metrics.keys()


def test_a_run_that_cannot_be_finished_is_marked_as_failed(
    mlflow_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no room left")

    monkeypatch.setattr("reproaudit.track.to_mlflow.log_files", refuse)
    with pytest.raises(OSError, match="no room left"):
        MlflowTracker().log(RECORD)
    (run,) = mlflow_store.search_runs(["0"])
    assert run.info.status == "FAILED"
