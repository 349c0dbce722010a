"""Refuses traces that were cut short."""

from __future__ import annotations

from pathlib import Path

from reproaudit.errors import SubjectError
from reproaudit.model.events import OutcomeKind, Unchecked
from reproaudit.trace.runs import Run


def require_whole_traces(run: Run, name: str, folder: Path) -> None:
    """Raise SubjectError if a trace was cut short. The run's is in `folder` by its name."""
    for _, trace in run.traces:
        for note in trace.notes:
            if note.code is Unchecked.TRACE_NOT_WRITTEN:
                raise SubjectError(
                    f"the trace of {name} is incomplete: {note.why}",
                    code="trace-incomplete",
                    hint="make room, or record elsewhere: --out DIR",
                )
        # Compared, a trace that was cut short would look like a program that did less. Where a
        # process was killed while it wrote, its run has failed for that, and is told to have.
        was_killed = trace.outcome.kind is OutcomeKind.RUNNING and not run.outcome.is_success
        if trace.damage and not was_killed:
            raise SubjectError(
                f"the trace of {name} is incomplete: {trace.damage}",
                code="trace-incomplete",
                hint=f"is there room on the disk of {folder}? --out DIR records elsewhere",
            )
