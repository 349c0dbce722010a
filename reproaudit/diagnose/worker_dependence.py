"""Why data depends on the number of workers that load it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reproaudit.comparison.localise import Origin
from reproaudit.diagnose.sources import Explanation, with_cause
from reproaudit.model.cause import Cause
from reproaudit.model.events import Phase
from reproaudit.trace.runs import Run
from reproaudit.trace.words import WorkerMoment

WORKERS = "workers"  # the variation
_FROM_OUTSIDE = (Origin.BIRTH, Origin.INPUT, Origin.STRUCTURE, Origin.RANDOM)


def settle_workers(explained: Explanation, runs: Iterable[Run]) -> Explanation:
    """Return the explanation with the streams of workers as its cause, if workers drew.

    Where the same samples came in another order, that is the cause already.
    """
    if explained.source.origin not in _FROM_OUTSIDE:
        return explained
    if explained.finding.cause is Cause.DATA_ORDER:
        return explained
    streams = sorted({stream for run in runs for stream in _list_streams(run)})
    if not streams:
        return explained
    note = (
        f"samples are drawn for in workers, from {', '.join(streams)}: each worker has a seed of "
        "its own, and without workers the main process draws"
    )
    finding = with_cause(explained.finding, Cause.WORKER_SEED, note)
    # The operator only meets what was drawn before.
    return replace(explained, finding=replace(finding, op=None, module="", phase=Phase.DATA))


def _list_streams(run: Run) -> set[str]:
    """Return the streams that workers of the run drew from."""
    return {
        event.stream
        for _, trace in run.traces
        for event in trace.worker_states()
        if event.moment is not WorkerMoment.BEFORE
    }
