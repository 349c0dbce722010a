"""Logs a record into Weights & Biases: into the run under way, or into one of its own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from typing import Any

from reproaudit.track.limits import Limits, fit_pairs
from reproaudit.track.record import Cell, Histogram, Logged, Table, TrackRecord

_PARAMS = Limits(250, 10_000, 1000)
_TYPE = "reproaudit"  # of the artifact, and of a run of its own
_PAGE = ".html"
_STEP = "reproaudit/step"
# Of a server that does not answer it would wait for 90 seconds, and then for as long as it takes.
# What could not be sent is kept in ./wandb for `wandb sync`.
PATIENCE: Mapping[str, float | str | bool] = {
    "init_timeout": 20.0,
    "login_timeout": 5.0,
    "finish_timeout": 60.0,
    "finish_timeout_raises": True,
    # Standard output is the report's, or the program's.
    "silent": True,
    "console": "off",
}


class WandbTracker:
    """Where to log is said by its own variables: WANDB_MODE, WANDB_PROJECT, WANDB_ENTITY, ….

    WANDB_RUN_ID counts only with WANDB_RESUME: without, that run would be overwritten.
    """

    def has_active_run(self) -> bool:
        import wandb

        return wandb.run is not None

    def log(self, record: TrackRecord, place: str = "") -> Logged:
        """Log the record. `place` is the name of a project."""
        import wandb

        if wandb.run is not None:
            _log_into(wandb.run, record, is_own=False)
            return locate(wandb.run)
        with start_run(record, place) as run:
            _log_into(run, record, is_own=not run.resumed)
        return locate(run)

    def close(self) -> None:
        import wandb

        # Only then is the run's file complete.
        wandb.teardown()


def start_run(record: TrackRecord, project: str) -> Any:
    """Begin a run of its own, or go on with the one that WANDB_RESUME and WANDB_RUN_ID name."""
    import wandb

    known = wandb.Settings.model_fields
    patience = {
        name: value
        for name, value in PATIENCE.items()
        if name in known and f"WANDB_{name.upper()}" not in os.environ
    }
    return wandb.init(
        project=project or None,
        id=None if os.environ.get("WANDB_RESUME") else secrets.token_hex(4),
        name=record.name,
        notes=record.note,
        job_type=_TYPE,
        settings=wandb.Settings(**patience),
    )


def locate(run: Any) -> Logged:
    """Return where a run went."""
    if run.offline:
        return Logged("wandb", run.id, f"wandb sync {run.settings.sync_dir}")
    return Logged("wandb", run.id, run.url or "")


def _log_into(run: Any, record: TrackRecord, *, is_own: bool) -> None:
    import wandb

    params, cut = fit_pairs(record.params, _PARAMS, "param")
    # In a config, a dot parts a name from a name within it.
    run.config.update({"reproaudit": {name.replace(".", "/"): params[name] for name in params}})
    tags = {name.replace(".", "/"): value for name, value in record.tags}
    run.summary.update({**tags, **dict(record.metrics)})
    run.tags = tuple(dict.fromkeys((*(run.tags or ()), *list_labels(record))))
    tables = [*record.tables]
    if is_own:
        _log_series(run, record)
    else:
        # A step of ours would count as one of the program's.
        tables += _tabulate_series(record)
    media: dict[str, Any] = {f"reproaudit/tables/{one.name}": _make_table(one) for one in tables}
    for histogram in record.histograms:
        media[f"reproaudit/ulp/{histogram.name}"] = _make_histogram(histogram)
    for name, content in record.files:
        if name.endswith(_PAGE):
            media["reproaudit/page"] = wandb.Html(content.decode("utf-8"), inject=False)
    if media:
        run.log(media, commit=is_own)
    _log_files(run, record, [*record.left_out, *cut])


def list_labels(record: TrackRecord) -> tuple[str, ...]:
    """Return what runs are listed by: what made them, and the verdict."""
    verdict = dict(record.tags).get("reproaudit.verdict")
    return (_TYPE, verdict) if verdict else (_TYPE,)


def _log_series(run: Any, record: TrackRecord) -> None:
    """Log the series as the history of a run that has no other."""
    run.define_metric(_STEP, hidden=True)
    by_step: dict[int, dict[str, float]] = {}
    for series in record.series:
        # A star would stand for anything.
        name = series.name.replace("*", "_")
        run.define_metric(name, step_metric=_STEP)
        for step, value in series.points:
            by_step.setdefault(step, {})[name] = value
    for step in sorted(by_step):
        run.log({_STEP: step, **by_step[step]})


def _tabulate_series(record: TrackRecord) -> list[Table]:
    rows: list[tuple[Cell, ...]] = []
    for series in record.series:
        rows += [(series.name, step, value) for step, value in series.points]
    return [Table("growth", ("name", "step", "value"), tuple(rows))] if rows else []


def _make_table(table: Table) -> Any:
    import wandb

    return wandb.Table(columns=list(table.columns), data=[list(row) for row in table.rows])


def _make_histogram(histogram: Histogram) -> Any:
    import wandb

    counts = [count for _, count in histogram.bins]
    edges = [0.0, *(upper for upper, _ in histogram.bins)]
    return wandb.Histogram(np_histogram=(counts, edges))


def _log_files(run: Any, record: TrackRecord, left_out: list[str]) -> None:
    import wandb

    artifact = wandb.Artifact(f"{_TYPE}-{run.id}", type=_TYPE, metadata=dict(record.tags))
    texts = [*record.texts]
    if left_out:
        texts.append(("left_out.txt", "\n".join(left_out) + "\n"))
    for name, content in (*record.files, *((name, text.encode()) for name, text in texts)):
        with artifact.new_file(name, mode="wb") as file:
            file.write(content)
    run.log_artifact(artifact)
