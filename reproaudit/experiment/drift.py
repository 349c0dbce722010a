"""Where copies of a model on several ranks part: one more run names the operator."""

from __future__ import annotations

from reproaudit.comparison.interning import Interned
from reproaudit.diagnose.ranks import find_drift
from reproaudit.model.events import Level, ProgramWarning
from reproaudit.runs.lab import Lab
from reproaudit.runs.request import RunRequest


def locate_drift(
    lab: Lab, interned: Interned, drift: tuple[ProgramWarning, ...]
) -> tuple[ProgramWarning, ...]:
    """Return the drift as a run shows it that records operators, if that shows the same one.

    Recording may hide a difference that comes and goes.
    """
    request = RunRequest(
        name="ranks",
        index=0,
        what="recording the operators of ranks that part",
        level=Level.OPERATION,
        values_mb=0,
    )
    recorded = find_drift(lab.run(request), interned)
    is_same = [warning.rule for warning in recorded] == [warning.rule for warning in drift]
    return recorded if is_same else drift
