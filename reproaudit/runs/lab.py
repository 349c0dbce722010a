"""Where an audit makes its runs: one folder and one fresh process each, counted and bounded."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reproaudit.config.execution import Execution
from reproaudit.config.plan import PLAN_SUFFIX, RunPlan
from reproaudit.config.portions import Portions
from reproaudit.config.settings import Settings, merge
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import NotChecked, OutcomeKind, Unchecked
from reproaudit.runs.alone import AloneRun, run_alone
from reproaudit.runs.budget import Budget, Spending, StoppedUnderWay
from reproaudit.runs.executors.protocol import (
    ExecutorOrder,
    Job,
    JobEnd,
    make_error,
    make_record,
)
from reproaudit.runs.executors.registry import make_executor
from reproaudit.runs.full_disk import is_full, make_full_disk_error, name_full_disk
from reproaudit.runs.launch import THROUGH_PATH, take_back_missed
from reproaudit.runs.lent_files import LentFiles
from reproaudit.runs.limits import LEAST_TIMEOUT_S, SLOWEST, Limits
from reproaudit.runs.log import tail
from reproaudit.runs.machines import Machines
from reproaudit.runs.prepared import PreparedRuns
from reproaudit.runs.process import RunningProcess, RunRecord, start
from reproaudit.runs.progress import Progress
from reproaudit.runs.request import RunRequest
from reproaudit.runs.side_by_side import SideBySide
from reproaudit.runs.whole_traces import require_whole_traces
from reproaudit.runs.worlds import require_same_world
from reproaudit.trace.runs import Run, open_run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSetup:
    """How each run of a lab is started, recorded and ended, unless a request asks otherwise.

    `steps` None: to the end of the program. `steps_of_children` is the same for the processes that
    the program starts; None: as `steps`. `values_mb` bounds the boundary tensors that a run
    keeps. `timeout_s` None: a plain run is never ended. With `fresh_copy` each run works in a copy
    of the working folder. With `state` those that decide record their training state.
    """

    steps: int | None
    values_mb: int
    timeout_s: float | None = None
    show_output: bool = False
    python: str = sys.executable
    fresh_copy: bool = False
    steps_of_children: int | None = None
    execution: Execution = Execution()
    portions: Portions | None = None
    state: bool = False


class Lab:
    """Makes runs of one subject.

    `runs_made` counts the processes; `seconds` holds the time of each by name. `machines` knows
    where they were made.
    """

    def __init__(
        self,
        subject: SubjectSpec,
        settings: Settings,
        folder: Path,
        progress: Progress,
        *,
        setup: RunSetup,
        budget: Budget,
    ) -> None:
        self.subject = subject
        self.settings = settings
        self.folder = folder
        self.steps = setup.steps
        self.runs_made = 0
        self.seconds: dict[str, float] = {}
        self.machines = Machines()
        self._world = 0  # how many ranks a plain run has
        self._is_site = False  # interpreters find the recorder through PYTHONPATH
        self._progress = progress
        self._setup = setup
        self._spending = Spending(budget)
        self._prepared = PreparedRuns(subject, folder)
        self._limits = Limits(subject, setup.timeout_s)
        self._executor = make_executor(
            ExecutorOrder(subject, settings, folder, python=setup.python, execution=setup.execution)
        )
        is_alone = self._executor is None
        self._files = LentFiles(
            subject,
            folder,
            for_all=setup.fresh_copy,
            side_by_side=not is_alone,
        )
        self._side_by_side: SideBySide | None = None
        if self._executor is not None:
            self._side_by_side = SideBySide(self._executor, self._begin)

    def start_clock(self) -> None:
        """Count the time of the budget from here on."""
        self._spending.start_clock()

    def bound_time(self) -> None:
        """Make no run from here on that goes past the time of the budget."""
        self._spending.bound_time()

    def start_budget(self) -> None:
        """Count against the budget from here on; time, if it was not counted before."""
        self._spending.start(self.runs_made)

    def find_budget(self) -> Budget:
        """Return what is left of the budget, for another lab to go on with."""
        return self._spending.find_rest(self.runs_made)

    def can_try(self, name: str) -> bool:
        """Return True: in fresh processes, runs can be made under every intervention."""
        return True

    def can_patch(self, paths: Sequence[str] = ()) -> bool:
        """Return True if runs can be made of a copy of the program with other texts at `paths`.

        They start at the subject's `patch_folder`. A test stays in its place, and of a notebook no
        lines are changed.
        """
        files = [self.subject.patch_folder / path for path in paths]
        is_fixed = self.subject.kind in (SubjectKind.PYTEST, SubjectKind.NOTEBOOK)
        return not is_fixed and all(map(self._files.holds, files))

    def run(self, request: RunRequest) -> Run:
        """Make one run in the folder that the request names.

        Raises BudgetSpent before a run that is past the budget, and when the time is over in which
        it goes on; SubjectError for one that hung or whose trace is incomplete.
        """
        if self._side_by_side is not None:
            with contextlib.closing(self.run_all([request])) as runs:
                return next(runs)
        with name_full_disk(self.folder, request.name):
            return self._make_run(request)

    def run_all(self, requests: Sequence[RunRequest]) -> Generator[Run, None, None]:
        """Make runs that need not follow each other, and give them in order.

        Those that nobody has asked for when the iterator is closed are ended, or not made. Raises
        as `run` does, once the runs before were given.
        """
        if self._side_by_side is None:
            for request in requests:
                yield self.run(request)
            return
        with contextlib.closing(self._side_by_side.run_all(requests)) as ends:
            for request in requests:
                # What kept it from being begun is told here as well: they come in order.
                with name_full_disk(self.folder, request.name):
                    _, job, end = next(ends)
                    run = self._take_end(request, job, end)
                yield run

    def _begin(self, request: RunRequest, slot: int, lent: contextlib.ExitStack) -> Job:
        """Say how the executor is to make a run."""
        assert self._executor is not None
        self._spending.check(self.runs_made)
        self.runs_made += 1
        self._progress.stage(request.what, None, request.more)
        plan = self._plan(request)
        plan = lent.enter_context(self._files.lend(request, plan, self.settings, slot))
        folder = self.folder.absolute()
        timeout_s = self._limits.timeout_of(request)
        end_s = self._spending.cut(timeout_s)
        return Job(
            plan=replace(plan, trace_dir=plan.trace_dir.absolute()),
            log=folder / f"{request.name}.log",
            folder=folder,
            python=request.python or self._setup.python,
            timeout_s=end_s,
            is_cut=end_s != timeout_s,
            still_s=self._limits.still_limit_of(request),
            show_output=self._setup.show_output,
            is_site=self._is_site,
            hardware=self.machines.wanted,
        )

    def _take_end(self, request: RunRequest, job: Job, end: JobEnd) -> Run:
        if end.is_site and not self._is_site:
            self._is_site = True
            self.runs_made += 1
        self.machines.learn(request.name, job, end)
        if end.fault is not None:
            raise make_error(end.fault)
        record = make_record(job, end)
        was_ended = record.outcome.kind is OutcomeKind.TIMED_OUT and not record.stood_still
        if was_ended and job.is_cut:
            raise StoppedUnderWay
        return self._take_record(request, record, job.timeout_s)

    def _make_run(self, request: RunRequest) -> Run:
        self._spending.check(self.runs_made)
        plan = self._plan(request)
        # One that goes on past its steps makes nobody knows how many.
        steps = None if plan.goes_on_s else plan.steps
        self._progress.stage(request.what, steps, request.more)
        timeout_s = self._limits.timeout_of(request)
        end_s = self._spending.cut(timeout_s)
        with self._files.lend(request, plan, self.settings) as plan:
            record = self._make_record(request, plan, end_s)
            if self._is_missed(record):
                record = self._make_record(request, plan, end_s)
        was_ended = record.outcome.kind is OutcomeKind.TIMED_OUT and not record.stood_still
        if was_ended and end_s != timeout_s:
            raise StoppedUnderWay
        return self._take_record(request, record, timeout_s)

    def _take_record(self, request: RunRequest, record: RunRecord, timeout_s: float | None) -> Run:
        """Open what a run has recorded, and learn from how it went."""
        limits = self._limits
        self.seconds[request.name] = record.seconds
        limits.learn_rest(request, record.still_s)
        if record.stood_still:
            raise limits.make_stillness_error(record.still_s, record.seconds, record.log)
        if record.outcome.kind is OutcomeKind.TIMED_OUT:
            raise limits.make_timeout_error(timeout_s, record.log)
        limits.learn_time(request, record.seconds)
        run = open_run(record.trace_dir, request.index)
        limits.learn_compiling(run)
        require_whole_traces(run, request.name, self.folder)
        # It need not be the program's fault: what it prints goes to that disk, too.
        if not run.outcome.is_success and is_full(self.folder):
            raise make_full_disk_error(self.folder, request.name)
        if not request.is_changed:
            self._world = require_same_world(self._world, run, request.name)
        return run

    def _make_record(
        self, request: RunRequest, plan: RunPlan, timeout_s: float | None
    ) -> RunRecord:
        self.runs_made += 1
        process = self._take_process(request, plan)
        return process.wait(
            timeout_s=timeout_s,
            still_s=self._limits.still_limit_of(request),
            on_progress=self._progress.step,
            is_over=request.is_over,
        )

    def _is_missed(self, record: RunRecord) -> bool:
        """Return True if the run is to be made again, for no interpreter in it was entered.

        It is then started so that those of another environment are entered, too.
        """
        if self._is_site:
            return False
        self._is_site = take_back_missed(record.plan)
        return self._is_site

    @property
    def notes(self) -> tuple[NotChecked, ...]:
        """What is to be said of how the runs were made."""
        notes: list[NotChecked] = []
        if self._setup.fresh_copy and self._files.shared:
            what = "files that runs share despite --fresh-copy"
            notes.append(NotChecked(Unchecked.FILES_SHARED, what, self._files.shared))
        if self._executor is not None:
            notes += (*self._executor.notes, *self.machines.notes)
        if self._is_site:
            notes.append(THROUGH_PATH)
        return tuple(notes)

    @property
    def gives_fresh_files(self) -> bool:
        """True if all runs have files of their own."""
        return self._setup.fresh_copy

    def list_written(self, name: str) -> tuple[str, ...]:
        """Return the files that a run wrote which has left its own as `name`, the newest last.

        Their paths are relative to the folder that it started in.
        """
        return self._files.list_written(name)

    def run_alone(self, name: str, *, like: str) -> AloneRun | None:
        """Run the program once as a person would, with nothing changed and nothing recorded.

        If all runs have files of their own it has, too. It is ended after a few times as long as
        the run `like` took. None if the subject is no program of its own.
        """
        if self._executor is not None and not self._executor.is_here:
            return None
        self._progress.stage("running it once without the recorder", None)
        limit_s = max(LEAST_TIMEOUT_S, SLOWEST * self.seconds.get(like, 0.0))
        if self._setup.timeout_s is not None:
            limit_s = min(limit_s, self._setup.timeout_s)
        request = RunRequest(name=name, index=0, what="")
        plain = self._plain_plan(name, Settings())
        with self._files.lend(request, plain, self.settings) as plan:
            return run_alone(
                plan,
                python=self._setup.python,
                log=self.folder / f"{name}.log",
                limit_s=limit_s,
            )

    def prepare(self, request: RunRequest) -> None:
        """Start the process of a run that may be made later.

        It waits before it touches a file of the program but the script. Where the run is given
        files of its own there is nothing to start in yet.
        """
        is_elsewhere = self._executor is not None
        if is_elsewhere or self._files.are_lent_to(request) or self.subject.is_command:
            return
        start_held = functools.partial(self._start, request, self._plan(request), is_held=True)
        self._prepared.add(request.name, start_held)

    def close(self) -> None:
        """End what was prepared and not used, and remove what it left."""
        self._prepared.end_all_but(())
        self._files.drop_left()
        if self._executor is not None:
            self._executor.close()

    def rename(self, name: str, to: str) -> Path:
        """Give all that a run left another name, so that its own is free; return its folder."""
        for ending in ("", ".log", PLAN_SUFFIX):
            left = self.folder / f"{name}{ending}"
            if left.exists():
                left.rename(self.folder / f"{to}{ending}")
        self.seconds[to] = self.seconds.pop(name)
        self.machines.rename(name, to)
        return self.folder / to

    def log_of(self, name: str) -> str:
        """Return the last lines that a run printed."""
        return tail(self.folder / f"{name}.log")

    def _plan(self, request: RunRequest) -> RunPlan:
        settings = self.settings
        if self._executor is not None:
            settings = merge(settings, self._executor.settings)
        settings = request.change_settings(settings)
        return request.change_plan(self._plain_plan(request.name, settings))

    def _plain_plan(self, name: str, settings: Settings) -> RunPlan:
        return RunPlan(
            trace_dir=self.folder / name,
            subject=self.subject,
            steps=self.steps,
            steps_of_children=self._setup.steps_of_children,
            settings=settings,
            values_mb=self._setup.values_mb,
            portions=self._setup.portions,
            state=self._setup.state,
        )

    def _take_process(self, request: RunRequest, plan: RunPlan) -> RunningProcess:
        """Return the process that was prepared for the run, if it is of use, else a new one.

        That of the run which is expected to follow is started with it.
        """
        following = request.following
        expected = {request.name} if following is None else {request.name, following.name}
        self._prepared.end_all_but(expected)
        process = self._prepared.take(request.name, plan)
        if process is None:
            process = self._start(request, plan)
        if following is not None:
            self.prepare(following)
        return process

    def _start(
        self, request: RunRequest, plan: RunPlan, *, is_held: bool = False
    ) -> RunningProcess:
        return start(
            plan,
            python=request.python or self._setup.python,
            log=self.folder / f"{request.name}.log",
            show_output=self._setup.show_output,
            is_held=is_held,
            is_site=self._is_site or None,
        )
