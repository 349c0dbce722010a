"""Ranks that no run that is compared has a trace of, and traces of another run among its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reproaudit.errors import TraceError
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.trace.runs import Run


def note_absent_ranks(runs: Sequence[Run]) -> list[NotChecked]:
    """Return what to say of ranks that no run has a trace of: of other machines, for example.

    Raises TraceError if a folder holds a trace of a run with another number of ranks.
    """
    for run in runs:
        _require_one_world(run)
    known = {trace.process.rank for run in runs for _, trace in run.ranks}
    world = max(run.world for run in runs)
    absent = set(range(world)) - known
    if not (known and absent) or any(run.unreadable for run in runs):
        return []
    what = f"{_name(absent)} of {world}"
    return [NotChecked(Unchecked.RANKS_ABSENT, what, "no trace of it is there")]


def _require_one_world(run: Run) -> None:
    ranks = [trace.process for _, trace in run.ranks]
    # A launcher that starts the ranks anew may have fewer of them.
    latest = max((process.restart for process in ranks), default=0)
    worlds = Counter(process.world for process in ranks if process.restart == latest)
    for process in ranks:
        ((usual, _),) = worlds.most_common(1)
        if process.restart == latest and process.world != usual:
            raise TraceError(
                f"cannot compare: rank {process.rank} of trace {run.index} is one of "
                f"{process.world}, and its other ranks are of {usual}",
                code="world-changed",
                hint="have the traces of one run only in a folder",
            )


def _name(ranks: Iterable[int]) -> str:
    """Name ranks in order, those in a row by the first and the last."""
    rows: list[list[int]] = []
    for rank in sorted(ranks):
        if rows and rank == rows[-1][-1] + 1:
            rows[-1][1:] = [rank]
        else:
            rows.append([rank])
    shown = ", ".join(" to ".join(map(str, row)) for row in rows)
    return f"rank {shown}" if len(rows) == len(rows[0]) == 1 else f"ranks {shown}"
