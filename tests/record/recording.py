"""Recording a few lines of torch in this process, for tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import EventKind, Level, NotChecked, Outcome, OutcomeKind, Unchecked
from reproaudit.record.process.install import Installation
from reproaudit.record.session import AuditComplete
from reproaudit.trace.reader import Trace


def record(
    folder: Path, program: Callable[[], Any], level: Level = Level.OPERATION, **changes: Any
) -> tuple[Trace, Any]:
    """Run `program` under a recorder that writes below `folder`; return its trace and what it
    returned."""
    number = len(list(folder.glob("trace-*")))
    # Lines are shown relative to the folder of the test that defines the program.
    home = Path(inspect.getfile(program) if inspect.isfunction(program) else __file__).parent
    subject = SubjectSpec(SubjectKind.SCRIPT, home, path=str(home / "program.py"))
    plan = RunPlan(trace_dir=folder / f"trace-{number}", subject=subject, level=level, **changes)
    installation = Installation(plan, str(plan.trace_dir))
    result = None
    try:
        result = program()
    except AuditComplete:
        pass
    finally:
        installation.recorder.active = False
        installation.remove()
        installation.recorder.finish(Outcome(OutcomeKind.COMPLETED, 0))
    return Trace.open(plan.trace_dir), result


def rows(trace: Trace, kind: EventKind = EventKind.OP, name: str = "") -> npt.NDArray[np.void]:
    """Return the events of one kind whose name starts with `name`."""
    chosen = trace.events[trace.events["kind"] == kind]
    return (
        chosen[[trace.strings[row["name"]].startswith(name) for row in chosen]]
        if len(chosen)
        else chosen
    )


def names(trace: Trace, kind: EventKind) -> list[str]:
    return [trace.strings[row["name"]] for row in rows(trace, kind)]


def notes(trace: Trace) -> list[NotChecked]:
    """Return what was not checked, but for the note that torch.compile leaves once any test of the
    process used it."""
    return [note for note in trace.notes if note.code is not Unchecked.COMPILED_REGIONS]
