"""Where an audit makes its runs: one folder each, counted, bounded by a budget, each failure told."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from reproaudit.compare.interning import Interned
from reproaudit.config.plan import RunPlan
from reproaudit.config.settings import Settings, merge
from reproaudit.config.subject import SubjectSpec
from reproaudit.config.tolerance import Ignored
from reproaudit.errors import ReproauditError, SubjectError
from reproaudit.knowledge.interventions import combined, find
from reproaudit.model.events import OutcomeKind
from reproaudit.runs.log import tail
from reproaudit.runs.process import RunningProcess, start
from reproaudit.trace.runs import Run, open_run
from reproaudit.trace.schema import EVENTS_FILE

_MOST_COPIED_BYTES = 1 << 30  # a working folder above it is not copied for each run
_LEAST_TIMEOUT_S = 60.0
_SLOWEST = (
    10.0  # a run under interventions may take this many times as long as the slowest plain one
)


class Progress(Protocol):
    """Where the experiment tells how far it is."""

    def stage(self, what: str, steps: int | None) -> None: ...

    def step(self, done: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Budget:
    """What the diagnosis may spend besides the runs that decide the verdict. `seconds` None: no
    bound."""

    runs: int = 80
    seconds: float | None = None


class Spending:
    """Counts runs and time against a budget, from `start` on; before it nothing is bounded."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._started: tuple[int, float] | None = (
            None  # runs made and the time when the budget began to count
        )

    def start(self, runs_made: int) -> None:
        self._started = runs_made, time.monotonic()

    def check(self, runs_made: int) -> None:
        """Raise BudgetSpent if a further run would go past the budget."""
        if self._started is None:
            return
        runs, start = self._started
        late = self._budget.seconds is not None and time.monotonic() - start >= self._budget.seconds
        if late or runs_made - runs >= self._budget.runs:
            raise BudgetSpent


class RunMaker(Protocol):
    """What a diagnosis needs of whoever makes the runs: `Lab`, and repetitions within one process."""

    subject: SubjectSpec
    folder: Path
    steps: int | None
    interned: Interned
    runs_made: int
    seconds: dict[str, float]

    def start_budget(self) -> None: ...

    def can_try(self, name: str) -> bool: ...

    def run(
        self,
        name: str,
        index: int,
        what: str,
        interventions: tuple[str, ...] = (),
        variables: tuple[tuple[str, str], ...] = (),
        **changes: object,
    ) -> Run: ...


class BudgetSpent(Exception):
    """The next run would go past the budget: what is known by now is the answer."""


class Lab:
    """Makes runs of one subject. `runs_made` counts the processes; `seconds` holds the time of each
    by name."""

    def __init__(
        self,
        subject: SubjectSpec,
        settings: Settings,
        folder: Path,
        progress: Progress,
        *,
        steps: int | None,
        values_mb: int,
        timeout_s: float | None,
        show_output: bool,
        python: str,
        budget: Budget,
        fresh_copy: bool,
        ignored: tuple[Ignored, ...] = (),
    ) -> None:
        self.subject = subject
        self.settings = settings
        self.folder = folder
        self.steps = steps
        self.interned = Interned(ignored)
        self.runs_made = 0
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._values_mb = values_mb
        self._timeout_s = timeout_s
        self._show_output = show_output
        self._python = python
        self._spending = Spending(budget)
        self._fresh_copy = fresh_copy
        self._prepared: dict[str, RunningProcess] = {}
        self._before = _listing(subject.cwd)

    def start_budget(self) -> None:
        """Count against the budget from here on."""
        self._spending.start(self.runs_made)

    def can_try(self, name: str) -> bool:
        """Tell whether runs can be made under the intervention: in fresh processes, under every
        one."""
        return True

    def run(
        self,
        name: str,
        index: int,
        what: str,
        interventions: tuple[str, ...] = (),
        variables: tuple[tuple[str, str], ...] = (),
        **changes: object,
    ) -> Run:
        """Make one run in the folder `name`; `variables` join its environment, `changes` are fields
        of its plan.

        Raises BudgetSpent before a run that is past the budget, and SubjectError for one that hung
        or whose trace is incomplete.
        """
        self._spending.check(self.runs_made)
        plan = self._plan(
            name, merge(combined(self.settings, interventions), Settings(env=variables))
        )
        plan = replace(plan, **changes)  # type: ignore[arg-type]
        self._progress.stage(what, plan.steps)
        with self._files(name, plan, interventions) as plan:
            self.runs_made += 1
            timeout_s = self._timeout(bool(interventions) or plan.lines)
            record = self._process(name, plan).wait(
                timeout_s=timeout_s, on_progress=self._progress.step
            )
        self.seconds[name] = record.seconds
        if record.outcome.kind is OutcomeKind.TIMED_OUT:
            raise SubjectError(
                f"{self.subject} did not end within {timeout_s:g} s",
                code="subject-timeout",
                hint=f"raise --timeout, or audit fewer steps with --steps; its last output:\n{tail(record.log)}",
            )
        run = open_run(record.trace_dir, index)
        for _, trace in run.traces:
            if trace.damage:
                # A trace that was cut short would look like a program that did less.
                raise SubjectError(
                    f"the trace of {name} is incomplete: {trace.damage}",
                    code="trace-incomplete",
                    hint=f"is there room on the disk of {self.folder}? --out DIR records elsewhere",
                )
        return run

    def _plan(self, name: str, settings: Settings) -> RunPlan:
        return RunPlan(
            trace_dir=self.folder / name,
            subject=self.subject,
            steps=self.steps,
            settings=settings,
            values_mb=self._values_mb,
        )

    def prepare(self, name: str) -> None:
        """Start the interpreter of a plain run that will be made later; it waits before it touches
        the program.

        Where each run is given files of its own there is nothing to start in yet.
        """
        if not self._fresh_copy:
            self._prepared[name] = self._start(name, self._plan(name, self.settings), is_held=True)

    def close(self) -> None:
        """End what was prepared and not used, and remove what it left."""
        for name, process in self._prepared.items():
            process.stop()
            for left in (f"{name}.log", f"{name}.plan.json"):
                (self.folder / left).unlink(missing_ok=True)
        self._prepared.clear()

    def _process(self, name: str, plan: RunPlan) -> RunningProcess:
        prepared = self._prepared.pop(name, None)
        if prepared is not None:
            if (
                prepared.plan == replace(plan, trace_dir=plan.trace_dir.absolute())
                and prepared.release()
            ):
                return prepared
            prepared.stop()
        return self._start(name, plan)

    def _start(self, name: str, plan: RunPlan, *, is_held: bool = False) -> RunningProcess:
        return start(
            plan,
            python=self._python,
            log=self.folder / f"{name}.log",
            show_output=self._show_output,
            is_held=is_held,
        )

    def log_of(self, name: str) -> str:
        return tail(self.folder / f"{name}.log")

    # -- limits
    # ------------------------------------------------------------------------------------------------------

    def _timeout(self, changed: bool) -> float | None:
        """A changed program may wait for ever, for a thread that cannot start for example, or be
        slow to follow."""
        if self._timeout_s is not None or not changed or not self.seconds:
            return self._timeout_s
        return max(_LEAST_TIMEOUT_S, _SLOWEST * max(self.seconds.values()))

    # -- files
    # -------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _files(self, name: str, plan: RunPlan, interventions: tuple[str, ...]) -> Iterator[RunPlan]:
        """Give the run files of its own if that was asked for; they go when it ends."""
        if not self._fresh_copy and not any(
            find(intervention).fresh_files for intervention in interventions
        ):
            yield plan
            return
        work = self.folder / f"{name}-files"
        # Not below the traces: programs make sockets there, whose paths have 107 bytes at most.
        temporary = Path(tempfile.mkdtemp(prefix="ra-"))
        try:
            self._copy_working_folder(work)
            settings = merge(plan.settings, Settings(env=(("TMPDIR", str(temporary)),)))
            yield replace(plan, subject=moved(plan.subject, work), settings=settings)
        finally:
            shutil.rmtree(work, ignore_errors=True)
            shutil.rmtree(temporary, ignore_errors=True)

    def _copy_working_folder(self, target: Path) -> None:
        """Copy the working folder as it was when the audit began: without what was made in it
        since."""
        if self._before is None:
            raise SubjectError(
                f"{self.subject.cwd} is too large to be copied for each run",
                code="folder-too-large",
                hint=f"start in a smaller folder; at most {_MOST_COPIED_BYTES >> 20} MiB and 20,000 files are copied",
            )
        target.mkdir(parents=True)
        for relative in sorted(self._before):
            source, copy = self.subject.cwd / relative, target / relative
            if source.is_dir():
                copy.mkdir(exist_ok=True)
            elif source.is_file():
                shutil.copy2(source, copy)


def moved(subject: SubjectSpec, cwd: Path) -> SubjectSpec:
    """Return the subject started in another folder; a file outside of the old one keeps its place."""
    if subject.path and not (cwd / subject.path).is_file():
        return replace(subject, cwd=cwd, path=os.path.abspath(subject.file))
    return replace(subject, cwd=cwd)


def _listing(folder: Path) -> frozenset[str] | None:
    """Return the relative paths of all that lies in `folder`; None if that is too much to copy."""
    found: set[str] = set()
    size = 0
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not os.path.islink(os.path.join(root, name))]
        for name in (*folders, *files):
            path = os.path.join(root, name)
            found.add(os.path.relpath(path, folder))
            with contextlib.suppress(OSError):
                size += os.lstat(path).st_size if name in files else 0
        if size > _MOST_COPIED_BYTES or len(found) > 20_000:
            return None
    return frozenset(found)


@contextlib.contextmanager
def keeps_what_was_recorded(folder: Path, *, is_temporary: bool) -> Iterator[None]:
    """Remove a temporary folder when all went well, or when nothing was recorded; else say where it
    is."""
    try:
        yield
    except KeyboardInterrupt:
        raise SubjectError(
            "the audit was interrupted; the running program was stopped",
            code="interrupted",
            hint=f"compare what was recorded: reproaudit compare {folder}/run-*",
        ) from None
    except ReproauditError as error:
        if any(file.stat().st_size for file in folder.glob(f"*/{EVENTS_FILE}")):
            error.hint = f"{error.hint}\n  recorded so far: {folder}".strip()
        elif is_temporary:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if is_temporary:
        shutil.rmtree(folder, ignore_errors=True)
