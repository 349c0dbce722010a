"""The runs behind a lock and a check: what is made, what is refused, and what becomes of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectSpec, parse_subject
from reproaudit.config.tolerance import Tolerances
from reproaudit.errors import ReproauditError, SubjectError
from reproaudit.experiment.failure import make_failure_error
from reproaudit.experiment.nothing_compared import lacks_bytes, make_nothing_compared_error
from reproaudit.experiment.offline import compare_traces
from reproaudit.lock.check import CheckResult, compare_runs, not_comparable
from reproaudit.lock.digests import (
    has_other_threads,
    have_same_rows,
    intersect_runs,
    read_environment,
    read_locked_run,
)
from reproaudit.lock.model import Entry, LockedRun, find_nearest_run
from reproaudit.model.events import EventKind, Level
from reproaudit.model.result import Finding
from reproaudit.runs.budget import Budget
from reproaudit.runs.lab import Lab, RunSetup
from reproaudit.runs.owner import make_temporary_folder
from reproaudit.runs.progress import Progress
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.runs.request import RunRequest, limit_steps_to
from reproaudit.trace.runs import Run
from reproaudit.trace.words import LOSS

_LOSSES_KEPT = 1000  # steps whose loss is also kept as a number
# Operators read of a run that is compared with a lock, so that streams of other lengths can be
# aligned.
_LEAST_OPERATORS_SEEN = 4000


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How runs are made, besides what an entry says."""

    timeout_s: float | None = None
    show_output: bool = False
    python: str = sys.executable


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a program cannot be locked: its own runs differ.

    `finding` is the first difference, if it was located.
    """

    headline: str
    finding: Finding | None = None


def parse_entry_subject(entry: Entry, cwd: Path | None = None) -> SubjectSpec:
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
    """Run the subject three times; return the entry with what all runs agree on.

    Two runs are at operation level, which names the ops; the third is at boundary level, for the
    recording of ops may hide a difference. Raises SubjectError if the program fails or does nothing
    that can be compared.
    """
    interned = Interned()
    with _open_lab(entry, subject, options, progress) as lab:
        first = _record_operators(lab, index=0, what="run 1 of 3", more=2)
        second = _record_operators(lab, index=1, what="run 2 of 3", more=1)
        third = lab.run(RunRequest(name="run-2", index=2, what="run 3 of 3", values_mb=0))
        runs = [first, second, third]
        comparison = compare_boundaries(runs, interned)
        outcomes = {run.outcome.ending for run in runs}
        if len(comparison.classes) > 1 or len(outcomes) > 1:
            return _refuse(runs, interned)
        if not comparison.compared and lacks_bytes(first):
            raise make_nothing_compared_error(first)
        if not comparison.compared:
            raise SubjectError(
                f"nothing to lock: {subject} made no backward pass and no optimizer step",
                code="no-training-step",
                hint="name a training step to call: reproaudit lock FILE.py::FUNCTION",
            )
        locked = _lock_both(first, second, subject, interned, most_operators=most_operators)
        return replace(entry, runs=(locked,))


def check_entry(
    entry: Entry,
    settings: Settings,
    *,
    options: RunOptions,
    progress: Progress,
    cwd: Path | None = None,
) -> CheckResult:
    """Run the entry once, under `settings`, and compare it with what is locked.

    Of several locked environments, that is the one nearest to that of the run.
    """
    try:
        subject = parse_entry_subject(entry, cwd)
    except ReproauditError as error:
        return not_comparable(entry.name, error.message, error.hint)
    interned = Interned()
    changed = replace(entry, settings=settings)
    with _open_lab(changed, subject, options, progress) as lab:
        try:
            run = _record_operators(lab, index=0, what=f"checking {entry.name}")
        except SubjectError as error:
            return not_comparable(entry.name, error.message, error.hint)
        locked = find_nearest_run(entry.runs, read_environment(run))
        now = read_locked_run(
            run,
            subject,
            interned,
            other_threads=locked.other_threads,
            most_operators=max(_LEAST_OPERATORS_SEEN, 2 * len(locked.operators)),
        )
        return compare_runs(entry, locked, now, settings)


@contextmanager
def _open_lab(
    entry: Entry, subject: SubjectSpec, options: RunOptions, progress: Progress
) -> Iterator[Lab]:
    setup = RunSetup(
        steps=entry.steps,
        values_mb=1,
        timeout_s=options.timeout_s,
        show_output=options.show_output,
        python=options.python,
    )
    folder = make_temporary_folder()
    with keep_what_was_recorded(folder, is_temporary=True):
        yield Lab(subject, entry.settings, folder, progress, setup=setup, budget=Budget())


def _record_operators(lab: Lab, *, index: int, what: str, more: int = 0) -> Run:
    """Make a run at operation level that keeps the losses as numbers.

    Raises SubjectError if it failed.
    """
    name = f"run-{index}"
    steps = limit_steps_to(_LOSSES_KEPT, lab)
    # A step with several losses names the first of them loss[0].
    keep = []
    for step in range(steps):
        for loss in (LOSS, f"{LOSS}[0]"):
            keep.append((int(EventKind.OUTPUT), loss, step))
    request = RunRequest(
        name=name,
        index=index,
        what=what,
        more=more,
        level=Level.OPERATION,
        keep=tuple(keep),
    )
    run = lab.run(request)
    if not run.outcome.is_success:
        raise make_failure_error(lab, run, name, f"{lab.subject} failed")
    return run


def _lock_both(
    first: Run, second: Run, subject: SubjectSpec, interned: Interned, *, most_operators: int
) -> LockedRun:
    """Return what both runs hold.

    What threads other than the main one did is held only if it came in the same order.
    """

    def read(run: Run, *, other_threads: bool) -> LockedRun:
        return read_locked_run(
            run,
            subject,
            interned,
            most_operators=most_operators,
            other_threads=other_threads,
        )

    if has_other_threads(first) or has_other_threads(second):
        a = read(first, other_threads=True)
        b = read(second, other_threads=True)
        if have_same_rows(a, b):
            return intersect_runs(a, b)
    a = read(first, other_threads=False)
    b = read(second, other_threads=False)
    return intersect_runs(a, b)


def _refuse(runs: list[Run], interned: Interned) -> Refusal:
    """Say that the runs differ, and where, if those that recorded every operator did."""
    recorded = runs[:2]
    comparison = compare_boundaries(recorded, interned)
    if len(comparison.classes) == 1 and runs[0].outcome == runs[1].outcome:
        return Refusal("two runs that record every operator agree, a run without that does not")
    folders = [run.main.directory for run in recorded]
    result = compare_traces(folders, Tolerances())
    finding = None
    if result.findings:
        finding = result.findings[0]
    return Refusal(result.headline, finding)


def make_relative(subject: str, cwd: Path) -> str:
    """Return a subject as a lock holds it: without an absolute path."""
    file, colons, attribute = subject.partition("::")
    if not os.path.isabs(file):
        return subject
    return os.path.relpath(file, cwd) + colons + attribute
