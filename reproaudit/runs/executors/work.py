"""Makes one run in a process of its own, which others start: on this machine or on another.

What leaves a run's process group is adopted by the process that made the run. Each run has one, so
that none ends what another has started, and so that a run's processor cores are set for all of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from reproaudit.codec import Malformed, decode, encode, parse_json
from reproaudit.errors import ReproauditError, UsageError
from reproaudit.files import write_whole
from reproaudit.prctl import end_with_parent
from reproaudit.runs.executors.hardware import describe_hardware
from reproaudit.runs.executors.protocol import Fault, Job, JobEnd
from reproaudit.runs.launch import take_back_missed
from reproaudit.runs.orphans import adopt_orphans, keep_as_own
from reproaudit.runs.process import RunRecord, start

JOB_SUFFIX = ".job.json"
END_SUFFIX = ".end.json"
_GRACE_S = 10.0  # for a run to be ended with all that it started
_ROOT = str(Path(__file__).resolve().parents[3])
# Not by -m, which would look in the folder that it is started in, and not by its path, which would
# put the names beside it in the place of libraries.
_START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "  # nothing to end so far
    f"sys.path[0] = {_ROOT!r}; "
    "from reproaudit.runs.executors.work import main; sys.exit(main(sys.argv[1:]))"
)


def do_job(job: Job) -> JobEnd:
    """Make the run, and say how it ended; it may be made twice to enter its interpreters."""
    hardware = describe_hardware()
    try:
        record, is_site = _make_record(job)
    except ReproauditError as error:
        fault = Fault(
            message=error.message,
            code=error.code,
            hint=error.hint,
            is_usage=isinstance(error, UsageError),
        )
        return JobEnd(fault=fault, hardware=hardware)
    return JobEnd(
        outcome=record.outcome,
        seconds=record.seconds,
        still_s=record.still_s,
        stood_still=record.stood_still,
        is_site=is_site,
        hardware=hardware,
    )


def _make_record(job: Job) -> tuple[RunRecord, bool]:
    is_site = job.is_site
    while True:
        process = start(
            job.plan,
            python=job.python,
            log=job.log,
            show_output=job.show_output,
            is_site=is_site or None,
        )
        record = process.wait(timeout_s=job.timeout_s, still_s=job.still_s)
        if is_site or not take_back_missed(record.plan):
            return record, is_site
        is_site = True


def main(words: list[str]) -> int:
    """Make the run that the file `words[0]` describes, for the process `words[1]`."""
    job_file, parent = words
    if parent != "0":
        end_with_parent(int(parent))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        job: Job = decode(Job, parse_json(Path(job_file).read_text(encoding="utf-8")))
        # Elsewhere than on Linux a process cannot be bound to cores.
        if job.cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, job.cores)
        with adopt_orphans():
            end = do_job(job)
        write_whole(_name_end(job), json.dumps(encode(JobEnd, end)).encode())
    except KeyboardInterrupt:
        return 130
    return 0


def _name_end(job: Job) -> str:
    return f"{job.plan.trace_dir}{END_SUFFIX}"


class Worker:
    """A process that makes one run. `environment` None: that of this process."""

    def __init__(
        self, job: Job, *, python: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self._end_file = Path(_name_end(job))
        self._job_file = Path(f"{job.plan.trace_dir}{JOB_SUFFIX}")
        self._job_file.parent.mkdir(parents=True, exist_ok=True)
        self._end_file.unlink(missing_ok=True)
        write_whole(self._job_file, json.dumps(encode(Job, job)).encode())
        self._process = subprocess.Popen(
            [python, "-c", _START, str(self._job_file), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            env=environment,
            # Ctrl-C is for this process, which ends them in order.
            start_new_session=True,
        )
        keep_as_own(self._process.pid)

    def look(self) -> JobEnd | None:
        """Return how the run ended; None while it goes on."""
        if self._process.poll() is None:
            return None
        return self._read_end()

    def wait(self) -> JobEnd:
        """Wait for the end of the run; it is ended if this is interrupted."""
        try:
            self._process.wait()
        except BaseException:
            self.cancel()
            raise
        return self._read_end()

    def cancel(self) -> None:
        """End the run with all that it has started."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_S)
        # What it has started ends with it.
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._clear()

    def _read_end(self) -> JobEnd:
        try:
            end: JobEnd = decode(JobEnd, parse_json(self._end_file.read_text(encoding="utf-8")))
        except (OSError, Malformed):
            fault = Fault(
                message="the process that watched over a run was ended",
                code="worker-ended",
                hint=f"it ended with code {self._process.returncode}; is there memory enough for "
                "so many runs at a time?",
            )
            end = JobEnd(fault=fault)
        self._clear()
        return end

    def _clear(self) -> None:
        self._end_file.unlink(missing_ok=True)
        self._job_file.unlink(missing_ok=True)


def start_worker(job: Job, environment: Mapping[str, str] | None = None) -> Worker:
    """Make the job's run in a process of its own on this machine, by this interpreter."""
    return Worker(job, python=sys.executable, environment=environment)
