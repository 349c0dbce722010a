"""One run in a process of its own, as every executor makes it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import parse_subject
from reproaudit.model.events import OutcomeKind
from reproaudit.runs.executors.protocol import Job
from reproaudit.runs.executors.work import start_worker
from reproaudit.runs.processes import list_all, read_environment

SAYS_CORES = "import os; print(sorted(os.sched_getaffinity(0)), os.getcwd())"


def job_in(folder: Path, text: str, cores: tuple[int, ...] = ()) -> Job:
    work = folder / "work"
    work.mkdir()
    (work / "train.py").write_text(text)
    plan = RunPlan(trace_dir=folder / "lab" / "run-0", subject=parse_subject("train.py", cwd=work))
    return Job(
        plan=plan,
        log=folder / "lab" / "run-0.log",
        folder=folder / "lab",
        python=sys.executable,
        cores=cores,
    )


@pytest.mark.slow
def test_the_run_has_the_cores_that_it_was_given_and_its_own_folder(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    job = job_in(tmp_path, SAYS_CORES, cores=(core,))
    end = start_worker(job).wait()
    assert end.outcome is not None
    assert end.outcome.kind is OutcomeKind.COMPLETED
    assert job.log.read_text().splitlines()[-1] == f"[{core}] {job.plan.subject.cwd}"
    assert sorted(path.name for path in job.folder.iterdir()) == [
        "run-0",
        "run-0.log",
        "run-0.plan.json",
    ]


@pytest.mark.slow
def test_a_run_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    job = job_in(tmp_path, "pass")
    job.plan.trace_dir.mkdir(parents=True)
    (job.plan.trace_dir / "run.json").touch()
    end = start_worker(job).wait()
    assert end.fault is not None
    assert end.fault.code == "trace-exists"
    assert end.fault.is_usage


@pytest.mark.slow
def test_a_cancelled_run_is_gone_with_what_it_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    text = (
        "import pathlib, subprocess, time\n"
        "subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"pathlib.Path({str(started)!r}).touch()\n"
        "time.sleep(600)\n"
    )
    job = job_in(tmp_path, text)
    worker = start_worker(job)
    deadline = time.monotonic() + 100
    while not started.exists() and time.monotonic() < deadline:
        assert worker.look() is None
        time.sleep(0.05)
    worker.cancel()
    place = str(job.plan.trace_dir)
    assert not [pid for pid in list_all() if place in read_environment(pid)]
