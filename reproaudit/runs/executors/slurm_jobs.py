"""Runs as jobs of Slurm, by submitit: each is a job, those that are begun together an array."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, UncompletedJobError

from reproaudit.errors import ReproauditError, UsageError
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.prctl import end_with_parent
from reproaudit.runs.executors.elsewhere import Answer, Sight, make_run_elsewhere, put_in_sight
from reproaudit.runs.executors.protocol import ExecutorOrder, Fault, Job, JobEnd
from reproaudit.runs.executors.threads import keep_threads, word_threads
from reproaudit.runs.log import copy_to_stderr

_CLUSTERS = ("slurm", "local", "debug")
_JOBS = 8  # at a time, unless it was said
_TIMEOUT_MIN = 240  # submitit asks for 5 minutes where nothing is said
_TOGETHER_S = 0.2  # jobs that are submitted within this time make one array
_GRACE_S = 60.0  # for a job that is cancelled: Slurm itself waits 30 s before it kills
_LOOK_S = 1.0  # a look at a job touches its folder
_FOLDER = "submitit"
# What submitit takes for all of its clusters; all else is for Slurm alone.
_SHARED = ("cpus_per_task", "gpus_per_node", "mem_gb", "nodes", "tasks_per_node", "timeout_min")


class SlurmExecutor:
    """Gives the runs to Slurm. All nodes see the audit's folder."""

    is_here = False

    def __init__(self, order: ExecutorOrder) -> None:
        options = dict(order.options)
        self.cluster = options.pop("cluster", "slurm")
        _check_cluster(self.cluster, order.folder)
        self.settings = keep_threads(order, options.get("cpus_per_task", ""))
        is_tried_here = self.cluster != "slurm"
        self.width = order.jobs or (1 if is_tried_here else _JOBS)
        self._folder = order.folder.absolute() / _FOLDER
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sight = put_in_sight(order.folder.absolute())
        self._waiting: list[_SlurmRun] = []
        self._last = 0.0  # when a job was submitted
        self._engine = submitit.AutoExecutor(self._folder, cluster=self.cluster)
        _set_options(self._engine, options, self.width)
        given = ",".join(f"{key}={text}" for key, text in order.options.items())
        self.notes = (
            NotChecked(
                Unchecked.RUNS_SIDE_BY_SIDE,
                "the program on this machine, and in one folder for all runs",
                f"--executor slurm: each run is a job ({given or 'as Slurm gives'}), "
                f"{word_threads(self.settings)}, and has a copy of the files of its own",
            ),
        )

    def submit(self, job: Job, slot: int) -> _SlurmRun:
        """Give a run to Slurm, with those that are submitted in the same moment."""
        run = _SlurmRun(self, job)
        self._waiting.append(run)
        self._last = time.monotonic()
        return run

    def send(self, *, now: bool = False) -> None:
        """Submit as one array what waits, unless more may come in the same moment."""
        if not self._waiting or (not now and time.monotonic() - self._last < _TOGETHER_S):
            return
        waiting, self._waiting = self._waiting, []
        jobs = self._engine.map_array(
            _make_run,
            [run.job for run in waiting],
            [self._sight] * len(waiting),
            [self.cluster == "debug"] * len(waiting),
        )
        for run, sent in zip(waiting, jobs, strict=True):
            run.sent = sent

    def forget(self, run: _SlurmRun) -> None:
        """Do not submit a run that still waits."""
        if run in self._waiting:
            self._waiting.remove(run)

    def close(self) -> None:
        """Remove what was exchanged. All jobs have ended."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._sight.file.unlink(missing_ok=True)


class _SlurmRun:
    """A run that was given to Slurm, or waits for others to make an array with."""

    def __init__(self, executor: SlurmExecutor, job: Job) -> None:
        self.job = job
        self.sent: Any = None  # submitit's job
        self._executor = executor
        self._next_look = 0.0

    def look(self) -> JobEnd | None:
        """Return how it ended; None while it goes on."""
        self._executor.send()
        now = time.monotonic()
        if self.sent is None or now < self._next_look:
            return None
        self._next_look = now + _LOOK_S
        if not self.sent.done():
            return None
        end = self._take_end()
        if self.job.show_output and self.job.log.exists():
            copy_to_stderr(self.job.log, 0)
        return end

    def cancel(self) -> None:
        """End the job, and wait until it is gone."""
        self._executor.forget(self)
        if self.sent is None:
            return
        self.sent.cancel(check=False)
        deadline = time.monotonic() + _GRACE_S
        while self._executor.cluster != "debug" and time.monotonic() < deadline:
            if self.sent.done(force_check=True):
                return
            time.sleep(_TOGETHER_S)

    def _take_end(self) -> JobEnd:
        try:
            end: JobEnd = self.sent.result()
        except FailedJobError as error:
            lines = str(error).strip().splitlines()
            fault = Fault(
                message=f"a job of Slurm could not make a run: {lines[-1]}",
                code="executor-failed",
                hint="the nodes need the same reproaudit, torch and Python as this machine",
            )
            return JobEnd(fault=fault)
        except UncompletedJobError:
            return JobEnd(lost=f"its job {self.sent.job_id} ended before the run did")
        return end


def make(order: ExecutorOrder) -> SlurmExecutor:
    """Return the executor for Slurm. Raises UsageError for options that it does not take."""
    return SlurmExecutor(order)


def _make_run(job: Job, sight: Sight, is_here: bool) -> JobEnd:
    """Make a run in the job that this process is; raise nothing but an interruption."""
    if not is_here:
        # Without it, nobody would end the run.
        end_with_parent(os.getppid())
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith("SUBMITIT_")
    }
    try:
        answer: Answer = make_run_elsewhere(job, environment, sight)
    except ReproauditError as error:
        return JobEnd(fault=Fault(message=error.message, code=error.code, hint=error.hint))
    if answer.end is None:
        return JobEnd(
            fault=Fault(
                message=f"{os.uname().nodename} does not see {str(job.folder)!r}",
                code="subject-not-seen",
                hint="name a folder that all nodes see: --out DIR",
                is_usage=True,
            )
        )
    return answer.end


def _check_cluster(cluster: str, folder: Path) -> None:
    if cluster not in _CLUSTERS:
        raise UsageError(
            f"--slurm cluster={cluster} is none of {', '.join(_CLUSTERS)}",
            code="executor-option",
            hint="leave it out for Slurm itself; local and debug make the runs on this machine",
        )
    if cluster != "slurm":
        return
    if shutil.which("sbatch") is None:
        raise UsageError(
            "there is no sbatch here, by which Slurm is given jobs",
            code="executor-unreachable",
            hint="start the audit on a login node; --slurm cluster=local tries it on this machine",
        )
    if folder.resolve().is_relative_to(Path(tempfile.gettempdir()).resolve()):
        raise UsageError(
            f"the nodes do not see {str(folder)!r}",
            code="subject-not-seen",
            hint="name a folder that all nodes see: --out DIR",
        )


def _set_options(engine: submitit.AutoExecutor, options: dict[str, str], width: int) -> None:
    """Give submitit what the user wants of Slurm."""
    wanted: dict[str, Any] = {"timeout_min": _TIMEOUT_MIN, "slurm_array_parallelism": width}
    # Not in a step of its own: a program that is started by srun makes the steps.
    wanted["slurm_use_srun"] = False
    for key, text in options.items():
        value = int(text) if text.isdecimal() else text
        wanted[key if key in _SHARED else f"slurm_{key}"] = value
    try:
        engine.update_parameters(**wanted)
    except (AssertionError, NameError, TypeError, ValueError) as error:
        raise UsageError(
            f"submitit does not take what --slurm gives: {str(error).splitlines()[0]}",
            code="executor-option",
            hint="it takes cluster, partition, gres, constraint, account, qos, time, mem, "
            "cpus_per_task, gpus_per_node and what else submitit has for Slurm",
        ) from None
