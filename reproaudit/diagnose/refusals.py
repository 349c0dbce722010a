"""The ops that `use_deterministic_algorithms` refuses, as a run was told of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from reproaudit.model.events import Unchecked
from reproaudit.model.result import Alert
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run


def collect_alerts(trace: Trace) -> tuple[Alert, ...]:
    """Return the refused ops of a run, one per op and line, in order of first occurrence."""
    # All alerts are made with a count of 1, so that equal ones are one key.
    counts: Counter[Alert] = Counter()
    for event in trace.alerts():
        alert = Alert(
            op=event.op.removesuffix(".default"),
            message=event.message,
            phase=event.phase,
            module=event.module,
            location=event.known_location,
        )
        counts[alert] += 1
    return tuple(replace(alert, count=count) for alert, count in counts.items())


def collect_asked(run: Run) -> tuple[Alert, ...] | None:
    """Return the refused ops of a run that asked about each; None if it could not ask about all."""
    if not run.outcome.is_success:
        return None
    if any(note.code is Unchecked.REFUSALS_CUT_SHORT for note in run.main.notes):
        return None
    return collect_alerts(run.main)
