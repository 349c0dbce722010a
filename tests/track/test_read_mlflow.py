"""Runs read back from MLflow's own store, and files kept beside one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reproaudit.errors import UsageError
from reproaudit.track.read_mlflow import keep_files, read_run
from reproaudit.track.tracked_run import TrackedRun, read_requirements

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def run_id(mlflow_store: Any) -> str:
    import mlflow

    with mlflow.start_run(run_name="first") as run:
        mlflow.log_params({"seed": 1, "lr": 0.1})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", 0.25, step=2)
        mlflow.log_metric("system/cpu", 1)
        mlflow.set_tag("team", "a")
        mlflow.set_tag("mlflow.source.git.commit", "c" * 40)
        mlflow.log_text(
            "torch==2.13.0\n# x\nNumPy == 1\nnumpy==2.4.6; x\n", "model/requirements.txt"
        )
        mlflow.log_text("weights", "model/data/w.bin")
    identity: str = run.info.run_id
    return identity


def test_what_mlflow_holds_is_read(run_id: str) -> None:
    found = read_run(run_id)
    assert found.label == f"mlflow:{run_id} (first)"
    assert dict(found.params) == {"seed": "1", "lr": "0.1"}
    assert found.metrics == (("loss", "0.25"),)
    assert found.tags == (("team", "a"),)
    assert found.commit == "c" * 40
    assert found.packages == (("numpy", "2.4.6"), ("torch", "2.13.0"))
    assert [path for path, _ in found.artifacts] == ["model/data/w.bin", "model/requirements.txt"]
    assert found.kept == ()


def test_files_are_kept_beside_the_run_that_the_variable_names(
    run_id: str, monkeypatch: pytest.MonkeyPatch, mlflow_store: Any
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    files = {"manifest.json": b"{}", "run.digests": bytes(range(256)), "other": b"1"}
    logged = keep_files(files, "unused", "")
    assert logged.run == run_id
    assert os.environ["MLFLOW_RUN_ID"] == run_id
    found = read_run(run_id)
    assert found.find_kept("run.digests") == bytes(range(256))
    assert found.find_kept("manifest.json") == b"{}"
    assert found.find_kept("other") == b""
    # Neither is an artifact of the program.
    assert len(found.artifacts) == 2
    assert mlflow_store.get_run(run_id).info.status == "FINISHED"


def test_without_a_run_a_new_one_keeps_them(mlflow_store: Any) -> None:
    logged = keep_files({"manifest.json": b"{}"}, "reproaudit record train.py", "some place")
    run = mlflow_store.get_run(logged.run)
    assert run.info.run_name == "reproaudit record train.py"
    assert mlflow_store.get_experiment(run.info.experiment_id).name == "some place"
    assert read_run(logged.run).find_kept("manifest.json") == b"{}"


def test_a_run_that_is_not_there_raises_what_mlflow_raises(mlflow_store: Any) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="not found"):
        read_run("0" * 32)


def test_no_empty_store_is_made_to_look_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_store: Any
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(UsageError, match="there is no store at sqlite:///"):
        read_run("0" * 32)
    assert not (tmp_path / "none.db").exists()


def test_requirements_are_pins_with_normalised_names() -> None:
    text = "Foo_Bar[x]==1.0 ; python_version > '3'\n-r other\nbaz>=2\n# a==1\nqux==1+cpu  # why\n"
    assert read_requirements(text) == (("foo-bar", "1.0"), ("qux", "1+cpu"))


def test_what_is_no_base64_is_refused() -> None:
    with pytest.raises(ValueError, match="is no base64 text"):
        TrackedRun("mlflow", "1", "x", kept=(("run.digests", "é"),)).find_kept("run.digests")
