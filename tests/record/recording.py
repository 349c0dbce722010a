"""Recording a few lines of torch in this process, for tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import EventKind, Level, NotChecked, Outcome, OutcomeKind, Unchecked
from reproaudit.record.process.install import Installation
from reproaudit.record.session import AuditComplete
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import OpEvent


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


def operations(trace: Trace, name: str = "") -> list[OpEvent]:
    """Return the operators whose name starts with `name`."""
    return [op for op in trace.operations() if op.name.startswith(name)]


def names(trace: Trace, kind: EventKind) -> list[str]:
    """Return the names of the events of one kind."""
    return [event.name for event in trace.all_events() if event.kind is kind]


def differing_events(first: Trace, second: Trace, *kinds: EventKind) -> list[str]:
    """Return the names of the events whose digests differ between two traces of equal length.

    With `kinds`, only events of these kinds are compared.
    """
    wanted = kinds or tuple(EventKind)
    numbers = first.columns.numbers(*wanted)
    mine = first.columns.take(numbers)
    others = second.columns.take(second.columns.numbers(*wanted))
    assert len(mine) == len(others) > 0
    inputs_differ = (mine.input_digests != others.input_digests).any(axis=1)
    outputs_differ = (mine.output_digests != others.output_digests).any(axis=1)
    differing = numbers[inputs_differ | outputs_differ]
    return [first.event(number).name for number in differing.tolist()]


def notes(trace: Trace) -> list[NotChecked]:
    """Return what was not checked, but for the note that torch.compile leaves once any test of the
    process used it."""
    return [note for note in trace.notes if note.code is not Unchecked.COMPILED_REGIONS]
