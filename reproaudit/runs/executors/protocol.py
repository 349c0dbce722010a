"""What an executor is: it makes runs that need not follow each other, each in a process of its own.

A new one is a module with a `make` and an entry in `registry`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reproaudit.config.execution import Execution
from reproaudit.config.plan import RunPlan
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectSpec
from reproaudit.errors import ReproauditError, SubjectError, UsageError
from reproaudit.model.events import NotChecked, Outcome
from reproaudit.runs.process import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run to make, and how: see `runs.process.start` and `RunningProcess.wait`.

    `is_cut`: it is ended then because the audit's time is over. `cores`: the processors that it may
    use; none: all. `folder` is where the audit keeps its files: the trace, the log and what was
    lent to the run lie below it. `hardware`: it is compared with runs that were made on such
    models, and is of no use on others; "": on any.
    """

    plan: RunPlan
    log: Path
    folder: Path
    python: str
    timeout_s: float | None = None
    is_cut: bool = False
    still_s: float | None = None
    show_output: bool = False
    is_site: bool = False
    cores: tuple[int, ...] = ()
    hardware: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An error that ended a job, without its type: `is_usage` tells which it was."""

    message: str
    code: str
    hint: str = ""
    is_usage: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """How a job ended; the trace and the log lie where the job says.

    Either it has an `outcome` or a `fault`, or `lost` says why neither is known: where it was made
    is gone. `hardware` names the models of processor and GPU. `remade` says how often, and why, the
    run was lost before it was made; "" if it was not.
    """

    outcome: Outcome | None = None
    fault: Fault | None = None
    seconds: float = 0.0
    still_s: float = 0.0
    stood_still: bool = False
    is_site: bool = False
    hardware: str = ""
    lost: str = ""
    remade: str = ""


class Underway(Protocol):
    """A job that was submitted."""

    def look(self) -> JobEnd | None:
        """Return how it ended; None while it goes on."""

    def cancel(self) -> None:
        """End it with all that it has started, and return once it is gone."""


class Executor(Protocol):
    """Makes up to `width` runs side by side.

    `settings` are those that all its runs need beside the audit's, `notes` what is to be said of
    them. `is_here`: they go on on this machine.
    """

    width: int
    is_here: bool
    settings: Settings
    notes: tuple[NotChecked, ...]

    def submit(self, job: Job, slot: int) -> Underway:
        """Begin a job. No other that goes on has its `slot`, which is less than `width`."""

    def close(self) -> None:
        """Leave nothing behind. All jobs have ended."""


@dataclass(frozen=True, slots=True)
class ExecutorOrder:
    """What an executor is made from."""

    subject: SubjectSpec
    settings: Settings
    folder: Path
    python: str
    execution: Execution

    @property
    def jobs(self) -> int:
        return self.execution.jobs

    @property
    def options(self) -> dict[str, str]:
        """The executor's own options, as they were given."""
        return dict(self.execution.options)


def make_record(job: Job, end: JobEnd) -> RunRecord:
    """Return what is known of a run that was made, as of one that was made here."""
    assert end.outcome is not None
    return RunRecord(
        plan=job.plan,
        outcome=end.outcome,
        trace_dir=job.plan.trace_dir,
        log=job.log,
        seconds=end.seconds,
        still_s=end.still_s,
        stood_still=end.stood_still,
    )


def make_error(fault: Fault) -> ReproauditError:
    """Return the error that ended a job elsewhere."""
    kind = UsageError if fault.is_usage else SubjectError
    return kind(fault.message, code=fault.code, hint=fault.hint)
