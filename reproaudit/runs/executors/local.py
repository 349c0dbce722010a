"""Runs side by side on this machine, each on cores and GPUs of its own."""

from __future__ import annotations

import os
from dataclasses import replace

from reproaudit.config.settings import Settings, merge
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.runs.executors.cores import list_cores, share_cores, share_gpus
from reproaudit.runs.executors.hardware import list_gpus
from reproaudit.runs.executors.protocol import ExecutorOrder, Job
from reproaudit.runs.executors.threads import THREADS, keep_threads
from reproaudit.runs.executors.work import Worker, start_worker

_GPUS = "CUDA_VISIBLE_DEVICES"


class LocalExecutor:
    """Gives each of `jobs` runs its share of the machine."""

    is_here = True

    def __init__(self, order: ExecutorOrder) -> None:
        cores = list_cores()
        self.width = order.jobs
        self._cores = share_cores(cores, order.jobs)
        self._gpus = share_gpus(_list_visible_gpus(order.settings), order.jobs)
        self.settings = keep_threads(order)
        share = len(cores) // order.jobs
        shown = f"{share} of {len(cores)} cores"
        if self._gpus:
            shown += f" and GPU {self._gpus[0]}" if "," not in self._gpus[0] else " and some GPUs"
        self.notes = (_note_jobs(order.jobs, shown, dict(self.settings.env).get(THREADS)),)

    def submit(self, job: Job, slot: int) -> Worker:
        """Begin a run on its share."""
        if self._gpus:
            own = Settings(env=((_GPUS, self._gpus[slot]),))
            job = replace(job, plan=replace(job.plan, settings=merge(job.plan.settings, own)))
        return start_worker(replace(job, cores=self._cores[slot]))

    def close(self) -> None:
        """Do nothing: each run's process is gone by now."""


def make(order: ExecutorOrder) -> LocalExecutor:
    """Return the executor for this machine."""
    return LocalExecutor(order)


def _list_visible_gpus(settings: Settings) -> list[str]:
    visible = {**os.environ, **dict(settings.env)}.get(_GPUS)
    if visible is None:
        return [str(number) for number in range(len(list_gpus()))]
    return [one for one in visible.split(",") if one]


def _note_jobs(jobs: int, share: str, threads: str | None) -> NotChecked:
    said = "threads as the share gives"
    if threads is not None:
        said = f"{threads} threads of torch as on all cores, other libraries as they count cores"
    return NotChecked(
        Unchecked.RUNS_SIDE_BY_SIDE,
        "the program on the whole machine, and in one folder for all runs",
        f"--jobs {jobs}: each run has {share}, {said}, and a copy of the files of its own",
    )
