"""One run of a program as a person starts it, without the recorder."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from reproaudit.config.plan import RunPlan, name_plan_file
from reproaudit.config.settings import make_environment
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.files import create_file
from reproaudit.runs.interpreter import interpreter_flags
from reproaudit.runs.log import find_last_words
from reproaudit.runs.places import make_folder_of_runs, refuse_unwritable
from reproaudit.runs.process import POLL_S, RunningProcess
from reproaudit.runs.processes import has_ended
from reproaudit.startup import PLAN_VARIABLE, VARIABLES


@dataclass(frozen=True, slots=True)
class AloneRun:
    """How it ended.

    `code` is None if it was still going on after `seconds` and was ended, and minus a signal's
    number for a process that one killed. `last_line` is the last error that it printed, or its
    last words.
    """

    code: int | None
    seconds: float
    last_line: str

    @property
    def has_failed(self) -> bool:
        return self.code not in (None, 0)


def run_alone(plan: RunPlan, *, python: str, log: Path, limit_s: float) -> AloneRun | None:
    """Run the plan's subject with nothing of ours in it, for at most `limit_s`.

    It is ended with everything that it started. As a recorded run it has no standard input, and
    writes into `log`. None for a subject that is no program of its own.
    """
    command = write_plain_command(plan.subject, python)
    if command is None:
        return None
    make_folder_of_runs(log.parent)
    environment = {**os.environ, **make_environment(plan.settings)}
    # An audit may run within another.
    for name in VARIABLES:
        environment.pop(name, None)
    # Enters nothing by itself; by it, all that is started is found and ended.
    environment[PLAN_VARIABLE] = name_plan_file(plan.trace_dir)
    with refuse_unwritable(log), create_file(log) as output:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=plan.subject.cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        running = RunningProcess(plan, process, log, show_output=False)
        try:
            while not has_ended(process) and time.monotonic() - started < limit_s:
                time.sleep(POLL_S)
            is_over = has_ended(process)
            seconds = time.monotonic() - started
        finally:
            running.stop()
    return AloneRun(process.returncode if is_over else None, seconds, find_last_words(log))


def write_plain_command(subject: SubjectSpec, python: str) -> list[str] | None:
    """Return the command line that a person would type; None if there is none."""
    own = [*subject.argv]
    if subject.is_command:
        return [*subject.words, *own]
    ours = [python, *interpreter_flags()]
    if subject.kind is SubjectKind.PYTEST:
        return [*ours, "-m", "pytest", str(subject), *own]
    if subject.kind is SubjectKind.ATTRIBUTE:
        return None
    return [*ours, *subject.words, *own]
