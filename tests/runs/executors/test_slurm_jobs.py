"""Runs as jobs of submitit's clusters that need no Slurm."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reproaudit.config.execution import Execution
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.errors import UsageError
from reproaudit.model.events import OutcomeKind
from reproaudit.runs.executors.protocol import ExecutorOrder, JobEnd
from reproaudit.runs.executors.slurm_jobs import SlurmExecutor, make
from reproaudit.runs.processes import list_all, list_children, read_environment
from tests.auditing import PROGRAMS, audit
from tests.runs.executors.test_work import job_in

LIMIT_S = 100


@contextlib.contextmanager
def executor_in(folder: Path, *options: tuple[str, str], jobs: int = 0) -> Iterator[SlurmExecutor]:
    subject = SubjectSpec(SubjectKind.SCRIPT, folder, path="train.py")
    execution = Execution("slurm", jobs, options)
    # Threads are not counted where their number is said.
    settings = Settings(threads=1)
    order = ExecutorOrder(
        subject=subject,
        settings=settings,
        folder=folder / "lab",
        python="python",
        execution=execution,
    )
    executor = make(order)
    try:
        yield executor
    finally:
        executor.close()


def wait_for(run: object) -> JobEnd:
    deadline = time.monotonic() + LIMIT_S
    while (end := run.look()) is None:  # type: ignore[attr-defined]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert isinstance(end, JobEnd)
    return end


def list_of_run(place: str) -> list[int]:
    return [pid for pid in list_all() if place in read_environment(pid)]


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["local", "debug"])
# submitit's debug cluster does not close its logs.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_is_made_and_nothing_but_its_trace_is_left(tmp_path: Path, cluster: str) -> None:
    job = job_in(tmp_path, "print('made')")
    with executor_in(tmp_path, ("cluster", cluster)) as executor:
        end = wait_for(executor.submit(job, 0))
    assert end.outcome is not None
    assert end.outcome.kind is OutcomeKind.COMPLETED
    assert job.log.read_text().splitlines()[-1] == "made"
    left = sorted(path.name for path in job.folder.iterdir())
    assert left == ["run-0", "run-0.log", "run-0.plan.json"]


SLEEPS = "import pathlib, time\npathlib.Path({!r}).touch()\ntime.sleep(600)\n"


@pytest.mark.slow
def test_a_run_whose_job_is_killed_is_lost_and_goes_with_it(tmp_path: Path) -> None:
    started = tmp_path / "started"
    job = job_in(tmp_path, SLEEPS.format(str(started)))
    with executor_in(tmp_path, ("cluster", "local")) as executor:
        run = executor.submit(job, 0)
        deadline = time.monotonic() + LIMIT_S
        while not started.exists():
            assert run.look() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        [task] = list_children(int(run.sent.job_id))
        os.kill(task, signal.SIGKILL)
        assert "ended before the run did" in wait_for(run).lost
    assert list_of_run(str(job.plan.trace_dir)) == []


@pytest.mark.slow
def test_a_cancelled_job_is_gone_with_its_run(tmp_path: Path) -> None:
    started = tmp_path / "started"
    job = job_in(tmp_path, SLEEPS.format(str(started)))
    with executor_in(tmp_path, ("cluster", "local")) as executor:
        run = executor.submit(job, 0)
        deadline = time.monotonic() + LIMIT_S
        while not started.exists():
            assert run.look() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        run.cancel()
        assert list_of_run(str(job.plan.trace_dir)) == []


def test_jobs_that_are_submitted_together_make_one_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    with executor_in(tmp_path, ("cluster", "local"), jobs=3) as executor:
        job = job_in(tmp_path, "pass")
        runs = [executor.submit(job, slot) for slot in range(3)]
        monkeypatch.setattr(
            executor._engine, "map_array", lambda _, jobs, *rest: sent.append(jobs) or jobs
        )
        executor.forget(runs[1])
        executor.send(now=True)
    assert [len(jobs) for jobs in sent] == [2]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("cluster", "condor"), "cluster=condor is none of slurm, local, debug"),
        (("partitoin", "gpu"), "submitit does not take"),
    ],
)
def test_an_option_that_is_not_taken_is_an_error(
    tmp_path: Path, option: tuple[str, str], message: str
) -> None:
    options = {"cluster": "local", option[0]: option[1]}
    with (
        pytest.raises(UsageError, match=message) as caught,
        executor_in(tmp_path, *options.items()),
    ):
        pass
    assert caught.value.code == "executor-option"


def test_without_slurm_there_is_a_way_to_try_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match="no sbatch") as caught, executor_in(tmp_path):
        pass
    assert "cluster=local" in caught.value.hint


def test_slurm_itself_needs_a_folder_that_its_nodes_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name)
    with pytest.raises(UsageError, match="nodes do not see") as caught, executor_in(tmp_path):
        pass
    assert "--out" in caught.value.hint


@pytest.mark.slow
def test_an_audit_by_jobs_says_what_it_says_on_this_machine(tmp_path: Path) -> None:
    words = ["--executor", "slurm", "--slurm", "cluster=local", "--jobs", "2", "--runs", "2"]
    code, result = audit(tmp_path, *words, "--no-alerts", str(PROGRAMS / "clean.py"))
    assert (code, result["verdict"]) == (0, "reproducible")
    assert "runs-side-by-side" in [note["code"] for note in result["not_checked"]]
