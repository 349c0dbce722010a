"""`reproaudit.compare`: recorded runs, wherever they were recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from reproaudit.api.result import Result, make_result
from reproaudit.api.watching import Watch
from reproaudit.config.tolerance import Tolerances, parse_tolerances
from reproaudit.errors import UsageError
from reproaudit.experiment.offline import compare_traces, refuse_repeated

Recorded = str | os.PathLike[str] | Watch | Result


def compare(
    *recorded: Recorded, tolerance: str | Sequence[str] = (), no_source: bool = False
) -> Result:
    """Compare recorded runs bit for bit, as `reproaudit compare` does; no program is run.

    Each of `recorded` is the folder of a trace, which `watch` or `reproaudit record` wrote, a
    `Watch` that has ended, or a `Result` of `audit(..., out=DIR)`, which stands for all of its
    runs. The operator where two runs first differ is named if they were recorded at level
    "operation". `tolerance` is what counts as equal, as `--tolerance` has it.

    Raises UsageError for fewer than two runs, one that is named twice, and a result whose traces
    were not kept; TraceError for a trace that cannot be read.
    """
    paths = [path for one in recorded for path in _list_traces(one)]
    if len(paths) < 2:
        raise UsageError(
            f"{len(paths)} traces cannot be compared",
            code="usage",
            hint="name two or more traces, or results that kept theirs",
        )
    refuse_repeated([os.fspath(path) for path in paths])
    tolerances = parse_tolerances(tolerance) if tolerance else Tolerances()
    result = compare_traces(paths, tolerances, shows_source=not no_source)
    return make_result(result, tuple(paths))


def _list_traces(recorded: Recorded) -> Iterator[Path]:
    if isinstance(recorded, Watch):
        if not recorded.is_over:
            raise UsageError(
                "what is being watched has not ended",
                code="usage",
                hint="compare behind the `with` block",
            )
        yield recorded.trace
    elif isinstance(recorded, Result):
        if not recorded.traces:
            raise UsageError(
                f"the result of {recorded.subject!r} has no traces to compare",
                code="trace-missing",
                hint="keep them: reproaudit.audit(..., out=DIR)",
            )
        yield from recorded.traces
    else:
        yield Path(recorded)
