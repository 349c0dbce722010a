"""Reads a run back from MLflow, and keeps files beside one."""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reproaudit.errors import UsageError
from reproaudit.track.lent_variables import lend_variables
from reproaudit.track.record import Logged
from reproaudit.track.to_mlflow import PARENT, PATIENCE, find_address, find_experiment
from reproaudit.track.tracked_run import (
    KEPT,
    KEPT_FILES,
    MOST_KEPT_BYTES,
    TrackedRun,
    pack,
    read_requirements,
)

_MOST_ARTIFACTS = 2000
_MOST_TEXT_BYTES = 1 << 20
_REQUIREMENTS = "requirements.txt"
# MLflow's own tags say what nobody wants compared (who, when), but for these.
_OWN = "mlflow."
_COMMIT = "mlflow.source.git.commit"
_DIFFS = ("mlflow.source.git.diff", "mlflow.git.diff")
_PROGRAM = "mlflow.source.name"
_SYSTEM_METRICS = "system/"


def read_run(name: str) -> TrackedRun:
    """Return what MLflow holds of a run, named by its id. Raises what MLflow raises."""
    with lend_variables(PATIENCE, without=(PARENT,)):
        client = _open_store()
        run = client.get_run(name)
        return _describe(client, run)


def keep_files(files: Mapping[str, bytes], name: str, place: str) -> Logged:
    """Keep files beside the run that MLFLOW_RUN_ID names, else beside a new one of this name."""
    run_id = os.environ.get(PARENT)
    with lend_variables(PATIENCE, without=(PARENT,)):
        import mlflow

        client = mlflow.MlflowClient()
        if run_id:
            experiment_id = client.get_run(run_id).info.experiment_id
            _upload(client, run_id, files)
            return Logged("mlflow", run_id, find_address(experiment_id, run_id))
        chosen = find_experiment(client, place) if place else None
        with mlflow.start_run(experiment_id=chosen, run_name=name, log_system_metrics=False) as run:
            _upload(client, run.info.run_id, files)
        return Logged(
            "mlflow", run.info.run_id, find_address(run.info.experiment_id, run.info.run_id)
        )


def _upload(client: Any, run_id: str, files: Mapping[str, bytes]) -> None:
    with tempfile.TemporaryDirectory(prefix="reproaudit-track-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        client.log_artifacts(run_id, folder, KEPT)


def _open_store() -> Any:
    """Return a client. Raises UsageError where the store is a file that is not there: MLflow would
    make an empty one."""
    import mlflow

    uri = mlflow.get_tracking_uri()
    parts = urlsplit(uri)
    if parts.scheme in ("sqlite", "file") and parts.path.strip("/"):
        path = parts.path.removeprefix("/") if parts.scheme == "sqlite" else parts.path
        if not os.path.exists(path):
            raise UsageError(
                f"there is no store at {uri}",
                code="tracked-run-unreadable",
                hint="say where it is with MLFLOW_TRACKING_URI",
            )
    return mlflow.MlflowClient()


def _describe(client: Any, run: Any) -> TrackedRun:
    tags = dict(run.data.tags)
    faults: list[str] = []
    artifacts = _list_artifacts(client, run.info.run_id, faults)
    requirements = [
        _download(client, run.info.run_id, path).decode("utf-8", "replace")
        for path, size in artifacts
        if posixpath.basename(path) == _REQUIREMENTS and size <= _MOST_TEXT_BYTES
    ]
    kept = []
    for path, size in artifacts:
        folder, name = posixpath.split(path)
        if folder == KEPT and name in KEPT_FILES and size <= MOST_KEPT_BYTES:
            kept.append((name, pack(_download(client, run.info.run_id, path))))
    return TrackedRun(
        tracker="mlflow",
        run=run.info.run_id,
        label=f"mlflow:{run.info.run_id} ({run.info.run_name})",
        params=tuple(sorted(run.data.params.items())),
        tags=tuple(sorted(pair for pair in tags.items() if not pair[0].startswith(_OWN))),
        metrics=tuple(
            (name, repr(value))
            for name, value in sorted(run.data.metrics.items())
            if not name.startswith(_SYSTEM_METRICS)
        ),
        artifacts=tuple((path, f"{size:,} bytes") for path, size in _list_others(artifacts)),
        packages=read_requirements("\n".join(requirements)),
        program=tags.get(_PROGRAM, ""),
        commit=tags.get(_COMMIT, ""),
        patch=next((tags[name] for name in _DIFFS if name in tags), ""),
        kept=tuple(kept),
        faults=tuple(faults),
    )


def _list_others(artifacts: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return [pair for pair in artifacts if not pair[0].startswith(f"{KEPT}/")]


def _list_artifacts(client: Any, run_id: str, faults: list[str]) -> list[tuple[str, int]]:
    """Return (path, bytes) of a run's artifacts, by path."""
    found = []
    folders: deque[str | None] = deque([None])
    while folders:
        for entry in client.list_artifacts(run_id, folders.popleft()):
            if entry.is_dir:
                folders.append(entry.path)
            else:
                found.append((entry.path, int(entry.file_size or 0)))
        if len(found) + len(folders) > _MOST_ARTIFACTS:
            faults.append(f"of more than {_MOST_ARTIFACTS:,} artifacts the first were looked at")
            break
    return sorted(found)


def _download(client: Any, run_id: str, path: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="reproaudit-track-") as folder:
        return Path(client.download_artifacts(run_id, path, folder)).read_bytes()
