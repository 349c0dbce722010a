"""The runs behind a lock and a check: what is made, what is refused, and what becomes of it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.interning import Interned
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectSpec, parse_subject
from reproaudit.config.tolerance import Tolerances
from reproaudit.errors import ReproauditError, SubjectError
from reproaudit.experiment.offline import compare_traces
from reproaudit.lock.check import CheckResult, compare, not_comparable
from reproaudit.lock.digests import (
    agreed,
    environment_of,
    has_other_threads,
    locked_run,
    same_order,
)
from reproaudit.lock.model import Entry, LockedRun, nearest
from reproaudit.model.events import EventKind, Level
from reproaudit.model.result import Finding
from reproaudit.runs.budget import Budget
from reproaudit.runs.lab import Lab
from reproaudit.runs.progress import Progress
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run
from reproaudit.trace.words import LOSS

_LOSSES_KEPT = 1000  # steps whose loss is also kept as a number
_LEAST_OPERATORS_SEEN = (
    4000  # of a run that is compared with a lock, so that streams of other lengths can be aligned
)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How runs are made, besides what an entry says."""

    timeout_s: float | None = None
    show_output: bool = False
    python: str = sys.executable


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a program cannot be locked: its own runs differ. `finding` is the first difference, if it
    was located."""

    headline: str
    finding: Finding | None = None


def subject_of(entry: Entry, cwd: Path | None = None) -> SubjectSpec:
    """Return the subject of an entry as it is run in `cwd`. Raises UsageError if it is gone."""
    return parse_subject(entry.subject, entry.arguments, entry.inputs, cwd)


def lock_entry(
    entry: Entry,
    subject: SubjectSpec,
    options: RunOptions,
    progress: Progress,
    *,
    most_operators: int,
) -> Entry | Refusal:
    """Run the subject twice at operation level and once at boundary level; return the entry with
    what all agree on.

    Raises SubjectError if the program fails or does nothing that can be compared.
    """
    interned = Interned()
    with _lab(entry, subject, options, progress) as lab:
        runs = [
            _record_operators(lab, index=number, what=f"run {number + 1} of 3")
            for number in range(2)
        ]
        runs.append(lab.run(RunRequest(name="run-2", index=2, what="run 3 of 3", values_mb=0)))
        comparison = compare_boundaries(runs, interned)
        if (
            len(comparison.classes) > 1
            or len({(run.outcome.kind, run.outcome.code) for run in runs}) > 1
        ):
            return _refusal(runs, interned)
        if not comparison.compared:
            raise SubjectError(
                f"nothing to lock: {subject} made no backward pass and no optimizer step",
                code="no-training-step",
                hint="name a training step to call: reproaudit lock FILE.py::FUNCTION",
            )
        return replace(
            entry,
            runs=(_lock_both(runs[0], runs[1], subject, interned, most_operators=most_operators),),
        )


def check_entry(
    entry: Entry,
    settings: Settings,
    *,
    options: RunOptions,
    progress: Progress,
    cwd: Path | None = None,
) -> CheckResult:
    """Run the entry once, under `settings`, and compare it with the locked run of the nearest
    environment."""
    try:
        subject = subject_of(entry, cwd)
    except ReproauditError as error:
        return not_comparable(entry.name, error.message, error.hint)
    interned = Interned()
    with _lab(replace(entry, settings=settings), subject, options, progress) as lab:
        try:
            run = _record_operators(lab, index=0, what=f"checking {entry.name}")
        except SubjectError as error:
            return not_comparable(entry.name, error.message, error.hint)
        locked = nearest(entry.runs, environment_of(run))
        now = locked_run(
            run,
            subject,
            interned,
            other_threads=locked.other_threads,
            most_operators=max(_LEAST_OPERATORS_SEEN, 2 * len(locked.operators)),
        )
        return compare(entry, locked, now, settings)


@contextmanager
def _lab(
    entry: Entry, subject: SubjectSpec, options: RunOptions, progress: Progress
) -> Iterator[Lab]:
    folder = Path(tempfile.mkdtemp(prefix="reproaudit-"))
    with keep_what_was_recorded(folder, is_temporary=True):
        yield Lab(
            subject,
            entry.settings,
            folder,
            progress,
            steps=entry.steps,
            values_mb=1,
            timeout_s=options.timeout_s,
            show_output=options.show_output,
            python=options.python,
            budget=Budget(),
            fresh_copy=False,
        )


def _record_operators(lab: Lab, *, index: int, what: str) -> Run:
    """Make a run at operation level that keeps the losses as numbers.

    Raises SubjectError if it failed.
    """
    name = f"run-{index}"
    few = range(_LOSSES_KEPT if lab.steps is None else min(lab.steps, _LOSSES_KEPT))
    keep = tuple(
        (int(EventKind.OUTPUT), loss, step) for step in few for loss in (LOSS, f"{LOSS}[0]")
    )
    request = RunRequest(name=name, index=index, what=what, level=Level.OPERATION, keep=keep)
    run = lab.run(request)
    if not run.outcome.is_success:
        ended = f"{run.outcome.kind.value} {run.outcome.detail}".strip()
        raise SubjectError(
            f"{lab.subject} failed: {ended}",
            code="subject-failed",
            hint=f"run it alone first; its last output:\n{lab.log_of(name)}",
        )
    return run


def _lock_both(
    first: Run, second: Run, subject: SubjectSpec, interned: Interned, *, most_operators: int
) -> LockedRun:
    """Return what both runs say; what threads other than the main one did only if it came in the
    same order."""
    for other_threads in (
        (True, False) if has_other_threads(first) or has_other_threads(second) else (False,)
    ):
        a, b = (
            locked_run(
                run, subject, interned, most_operators=most_operators, other_threads=other_threads
            )
            for run in (first, second)
        )
        if not other_threads or same_order(a, b):
            return agreed(a, b)
    raise AssertionError("the last round always returns")


def _refusal(runs: list[Run], interned: Interned) -> Refusal:
    """Say that the runs differ, and where, if those that recorded every operator did."""
    folders = [run.main.directory for run in runs]
    recorded = compare_boundaries(runs[:2], interned)
    if len(recorded.classes) > 1 or runs[0].outcome != runs[1].outcome:
        result = compare_traces(folders[:2], Tolerances())
        return Refusal(result.headline, result.findings[0] if result.findings else None)
    return Refusal("two runs that record every operator agree, a run without that does not")


def relative_to(path: str, cwd: Path) -> str:
    """Return a subject as a lock holds it: without an absolute path."""
    file, colons, attribute = path.partition("::")
    return f"{os.path.relpath(file, cwd)}{colons}{attribute}" if os.path.isabs(file) else path
