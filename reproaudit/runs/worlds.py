"""How many ranks runs have, and which: those that are compared have the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reproaudit.errors import SubjectError, TraceError
from reproaudit.trace.runs import Run


def require_same_world(world: int, run: Run, name: str) -> int:
    """Return how many ranks a run has, where earlier ones had `world`; 0: nobody knows yet.

    Raises SubjectError if it has others.
    """
    if run.world and world and run.world != world:
        raise SubjectError(
            f"{name} has {run.world} ranks and the runs before it had {world}: "
            "they are no runs of one program",
            code="world-changed",
            hint="have the launcher start as many each time, as torchrun does with "
            "--nproc-per-node 2",
        )
    return run.world or world


def require_same_worlds(runs: Sequence[Run]) -> None:
    """Raise TraceError if traces that are to be compared are of different numbers of ranks."""
    first = next((run for run in runs if run.world), None)
    if first is None:
        return
    for run in runs:
        if run.world and run.world != first.world:
            raise TraceError(
                f"cannot compare: trace {first.index} is of {first.world} ranks, and trace "
                f"{run.index} of {run.world}",
                code="world-changed",
                hint="compare runs of the same number of ranks",
            )


def mark_missing_ranks(runs: Sequence[Run]) -> list[Run]:
    """Return the runs; a rank that only others have counts as one whose trace cannot be read.

    Raises TraceError for one without rank 0, which stands for the run.
    """
    known = sorted({trace.process.rank for run in runs for _, trace in run.ranks})
    marked = []
    for run in runs:
        own = {trace.process.rank for _, trace in run.ranks}
        missing = [rank for rank in known if rank not in own]
        if own and 0 in missing:
            raise TraceError(
                f"cannot compare: rank 0 of trace {run.index} is missing",
                code="trace-missing",
                hint="copy all folders of its run, or record it again",
            )
        labels = tuple(f"rank-{rank}" for rank in missing) if own else ()
        marked.append(replace(run, unreadable=(*run.unreadable, *labels)))
    return marked
