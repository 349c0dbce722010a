"""Stores of trackers that tests log into, and read back by the trackers' own clients."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# What a developer's machine may have set.
TRACKER_VARIABLES = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_RUN_ID",
    "TENSORBOARD_LOGGING_DIR",
    "WANDB_MODE",
    "WANDB_PROJECT",
    "WANDB_RUN_ID",
)


@pytest.fixture
def mlflow_store(
    tmp_path: Path, empty_mlflow_store: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Let MLflow log into a database of the test's own, and return a client of it."""
    import mlflow

    for name in TRACKER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_mlflow_store, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    client = mlflow.MlflowClient(uri)
    yield client
    while mlflow.active_run() is not None:
        mlflow.end_run()


@pytest.fixture(scope="session")
def empty_mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a database once: MLflow builds it in many steps."""
    import mlflow

    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        # Artifacts of its first experiment go below the folder that it is made in.
        patch.chdir(folder)
        mlflow.MlflowClient("sqlite:///mlflow.db").search_experiments()
    return folder / "mlflow.db"
