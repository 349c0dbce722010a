"""A run on a machine that sees the audit's folder or does not, and what is left there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.settings import Settings
from reproaudit.config.subject import parse_subject
from reproaudit.model.events import OutcomeKind
from reproaudit.runs.executors.elsewhere import (
    make_run_elsewhere,
    pack_files,
    put_in_sight,
    take_left,
)
from reproaudit.runs.executors.protocol import Job

SAYS = "import os; print(os.environ['GREETING'], os.path.isdir(os.environ['TMPDIR']))"


def job_in(folder: Path) -> Job:
    """A run that works in a copy of its files within the audit's folder, as it is lent one."""
    work = folder / "lab" / "files-of-a-run-0" / "work"
    work.mkdir(parents=True)
    (work / "train.py").write_text(SAYS)
    plan = RunPlan(
        trace_dir=folder / "lab" / "run-0",
        subject=parse_subject("train.py", cwd=work),
        settings=Settings(env=(("TMPDIR", str(folder / "temporary" / "t")),)),
    )
    return Job(
        plan=plan, log=folder / "lab" / "run-0.log", folder=folder / "lab", python=sys.executable
    )


ENVIRONMENT = {**os.environ, "GREETING": "hello"}


@pytest.mark.slow
def test_where_the_folder_is_seen_all_stays_in_it(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    answer = make_run_elsewhere(job, ENVIRONMENT, put_in_sight(job.folder))
    assert answer.end is not None
    assert answer.end.outcome is not None
    assert answer.end.outcome.kind is OutcomeKind.COMPLETED
    assert answer.parcel == b""
    assert job.log.read_text().splitlines()[-1] == "hello True"
    assert not (tmp_path / "temporary").exists()


@pytest.mark.slow
def test_where_the_folder_is_not_seen_files_come_and_the_trace_goes_back(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    sight = put_in_sight(job.folder)
    files = pack_files(job)
    job.folder.rename(tmp_path / "here")  # what the other machine does not see
    assert make_run_elsewhere(job, ENVIRONMENT, sight).end is None
    answer = make_run_elsewhere(job, ENVIRONMENT, sight, files)
    assert answer.end is not None
    assert answer.end.outcome is not None
    assert answer.end.outcome.kind is OutcomeKind.COMPLETED
    assert not job.folder.exists()
    (tmp_path / "here").rename(job.folder)
    take_left(job, answer.parcel)
    assert job.log.read_text().splitlines()[-1] == "hello True"
    assert (job.plan.trace_dir / "run.json").exists()


def test_a_folder_of_the_same_name_is_not_taken_for_the_audits(tmp_path: Path) -> None:
    sight = put_in_sight(tmp_path)
    assert sight.is_seen()
    sight.file.write_text("another audit's")
    assert not sight.is_seen()


def test_a_program_that_the_machine_does_not_see_is_named(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    sight = put_in_sight(job.folder)
    job.plan.subject.file.unlink()
    answer = make_run_elsewhere(job, ENVIRONMENT, sight)
    assert answer.end is not None
    assert answer.end.fault is not None
    assert answer.end.fault.code == "subject-not-seen"
    assert "train.py" in answer.end.fault.message
