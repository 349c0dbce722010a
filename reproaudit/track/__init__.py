"""Logs results into experiment trackers: MLflow, Weights & Biases, TensorBoard."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reproaudit.errors import UsageError
from reproaudit.printable import make_printable
from reproaudit.track.registry import TRACKERS, find_active, import_tracker, read_wanted

if TYPE_CHECKING:
    from reproaudit.model.result import AuditResult
    from reproaudit.track.record import Logged

__all__ = ["log"]


def log(result: AuditResult, trackers: str | Sequence[str] | None = None) -> tuple[Logged, ...]:
    """Log a result into each tracker, and return where.

    `trackers` are names, such as "mlflow" or "tensorboard=runs"; None: those with a run under way
    in this process. A saved result is read by `reproaudit.report.json_report.from_json`. Raises
    UsageError for an unknown tracker, for one that is not installed, and if None finds no run. A
    tracker that fails is a RuntimeWarning, and the others are still asked.
    """
    # Only now: the command line asks this package for names alone.
    from reproaudit.track.apart import word_failure
    from reproaudit.track.facts import list_facts

    words = (trackers,) if isinstance(trackers, str) else trackers
    wanted = find_active() if words is None else read_wanted(words)
    if words is None and not wanted:
        raise UsageError(
            "no tracker has a run under way in this process",
            code="tracker-unknown",
            hint=f"name one: {', '.join(TRACKERS)}",
        )
    record = list_facts(result)
    logged = []
    for one in wanted:
        try:
            logged.append(import_tracker(TRACKERS[one.tracker]).log(record, one.place))
        # Whatever a tracker's library raises: it must not end the program that asked.
        except Exception as error:
            failure = make_printable(word_failure(error))
            warnings.warn(f"not logged to {one.tracker}: {failure}", RuntimeWarning, stacklevel=2)
    return tuple(logged)
