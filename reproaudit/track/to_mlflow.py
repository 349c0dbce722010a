"""Logs a record into MLflow: a run of its own, below the run under way if there is one."""

from __future__ import annotations

import json
import os
import posixpath
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from reproaudit.track.addresses import hide_credentials
from reproaudit.track.lent_variables import lend_variables
from reproaudit.track.limits import Limits, cut_text, fit_pairs, make_unique
from reproaudit.track.record import Histogram, Logged, Table, TrackRecord

# What the server checks: see mlflow/utils/validation.py. A batch of 1,000 is what it takes at once.
_MOST_NAME = 250
_PARAMS = Limits(_MOST_NAME, 6000, 1000)
_TAGS = Limits(_MOST_NAME, 8000, 1000)
_PAIRS_A_BATCH = 100
_CHARACTERS_A_BATCH = 100_000  # of 1 MB: escaped, a character may take ten times as much
_METRICS_A_BATCH = 1000
_NOT_IN_NAMES = re.compile(r"[^/\w.\- :]")
_TOO_LARGE = 2**1023  # for a float: what a database holds in place of an infinity

# By default a server that does not answer is asked eight times, for two minutes each.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    # Standard output is the report's, or the program's.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
PARENT = "MLFLOW_RUN_ID"
_LEFT_OUT = "left_out.txt"
_HISTOGRAMS = "ulp_histograms"


class MlflowTracker:
    """Where to log is said by MLflow's own variables: MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME
    or _ID. MLFLOW_RUN_ID names the run below which it is logged where none is under way."""

    def has_active_run(self) -> bool:
        import mlflow

        return mlflow.active_run() is not None

    def log(self, record: TrackRecord, place: str = "") -> Logged:
        """Log the record. `place` is the name of an experiment; it is made if there is none."""
        parent = os.environ.get(PARENT)
        # With it set, MLflow would go on with that run, and take the variable away.
        with lend_variables(PATIENCE, without=(PARENT,)):
            return _log(record, place, parent)

    def close(self) -> None:
        return None  # all is written once it is logged


def _log(record: TrackRecord, place: str, parent_id: str | None) -> Logged:
    import mlflow

    client = mlflow.MlflowClient()
    active = mlflow.active_run()
    if active is not None:
        parent_id = active.info.run_id
    experiment_id = None
    if parent_id:
        experiment_id = client.get_run(parent_id).info.experiment_id
    elif place:
        experiment_id = find_experiment(client, place)
    tags, left_out = fit_pairs(_fit_names(record.tags), _TAGS, "tag")
    with mlflow.start_run(
        experiment_id=experiment_id,
        run_name=cut_text(record.name, _MOST_NAME),
        # It would be the name of the script that runs, which is none of the program's own.
        tags={"mlflow.source.name": "reproaudit"},
        nested=active is not None,
        parent_run_id=parent_id,
        description=cut_text(record.note, _TAGS.value),
        log_system_metrics=False,
    ) as run:
        run_id = run.info.run_id
        _log_pairs(client, run_id, record, tags=tags, left_out=left_out)
        _log_metrics(client, run_id, record)
        _log_tables(client, run_id, record)
        log_files(client, run_id, record)
    if parent_id:
        for name, value in tags.items():
            client.set_tag(parent_id, name, value)
    return Logged("mlflow", run_id, find_address(run.info.experiment_id, run_id))


def find_experiment(client: Any, name: str) -> str:
    """Return the id of an experiment, which is made if there is none."""
    found = client.get_experiment_by_name(name)
    identity: str = client.create_experiment(name) if found is None else found.experiment_id
    return identity


def _log_pairs(
    client: Any, run_id: str, record: TrackRecord, tags: dict[str, str], left_out: list[str]
) -> None:
    from mlflow.entities import Param, RunTag

    params, cut = fit_pairs(_fit_names(record.params), _PARAMS, "param")
    left_out = [*record.left_out, *left_out, *cut]
    if left_out:
        client.log_text(run_id, "\n".join(left_out) + "\n", _LEFT_OUT)
        tags = {**tags, "reproaudit.left_out": f"{len(left_out)} notes in {_LEFT_OUT}"}
    for batch in _split_pairs(params.items()):
        client.log_batch(run_id, params=[Param(*pair) for pair in batch])
    for batch in _split_pairs(tags.items()):
        client.log_batch(run_id, tags=[RunTag(*pair) for pair in batch])


def _split_pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Yield the pairs in batches that a server takes."""
    batch: list[tuple[str, str]] = []
    size = 0
    for name, value in pairs:
        more = len(name) + len(value)
        if batch and (len(batch) == _PAIRS_A_BATCH or size + more > _CHARACTERS_A_BATCH):
            yield batch
            batch = []
            size = 0
        batch.append((name, value))
        size += more
    if batch:
        yield batch


def _log_metrics(client: Any, run_id: str, record: TrackRecord) -> None:
    from mlflow.entities import Metric

    now_ms = int(time.time() * 1000)
    figures = [(name, 0, value) for name, value in record.metrics]
    for series in record.series:
        figures += [(series.name, step, value) for step, value in series.points]
    fitting = _fit_metric_names(name for name, _, _ in figures)
    metrics = (
        Metric(fitting[name], value, now_ms, step)
        for name, step, value in figures
        if abs(value) < _TOO_LARGE
    )
    while batch := list(islice(metrics, _METRICS_A_BATCH)):
        client.log_batch(run_id, metrics=batch)


def _fit_metric_names(names: Iterable[str]) -> dict[str, str]:
    fitting: dict[str, str] = {}
    for name in dict.fromkeys(names):
        fitting[name] = make_unique(_fit_name(name)[:_MOST_NAME], fitting.values(), _MOST_NAME)
    return fitting


def _fit_names(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for name, value in pairs:
        yield _fit_name(name), value


def _fit_name(name: str) -> str:
    """Return a name that MLflow takes: a path without empty parts, of letters and a few marks."""
    parts = [part for part in _NOT_IN_NAMES.sub("_", name).split("/") if part.strip(". ")]
    return posixpath.join(*parts) if parts else "_"


def _log_tables(client: Any, run_id: str, record: TrackRecord) -> None:
    """Log the tables as `MlflowClient.log_table` does.

    That needs pandas, which mlflow-skinny does without, and rounds to ten decimals: 3.6e-12 is 0.
    """
    logged = []
    for table in (*record.tables, *_tabulate(record.histograms)):
        file = f"{table.name}.json"
        client.log_dict(run_id, {"columns": table.columns, "data": table.rows}, file)
        logged.append({"path": file, "type": "table"})
    if logged:
        client.set_tag(run_id, "mlflow.loggedArtifacts", json.dumps(logged))


def _tabulate(histograms: Sequence[Histogram]) -> list[Table]:
    """Return the histograms as a table: MLflow has none of its own."""
    rows = []
    for histogram in histograms:
        for upper, count in histogram.bins:
            rows.append((histogram.name, histogram.step, upper, count))
    if not rows:
        return []
    return [Table(_HISTOGRAMS, ("tensor", "step", "ulp_at_most", "elements"), tuple(rows))]


def log_files(client: Any, run_id: str, record: TrackRecord) -> None:
    """Log the texts and the files of a record as artifacts of a run."""
    with tempfile.TemporaryDirectory(prefix="reproaudit-track-") as name:
        folder = Path(name)
        for file, text in record.texts:
            (folder / file).write_text(text, encoding="utf-8")
        for file, content in record.files:
            (folder / file).write_bytes(content)
        client.log_artifacts(run_id, name)


def find_address(experiment_id: str, run_id: str) -> str:
    """Return where a browser shows the run; "" where only a client can."""
    import mlflow

    uri = hide_credentials(mlflow.get_tracking_uri())
    if not uri.startswith(("http://", "https://")):
        return ""
    return f"{uri.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"
