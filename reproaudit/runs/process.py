"""Owns one audited process: how it is started, watched, ended with everything it started, and how
it ended. POSIX."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reproaudit.config.plan import RunPlan, name_plan_file, to_json
from reproaudit.errors import UsageError
from reproaudit.files import create_file, write_whole
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.runs.launch import (
    make_variables,
    mark_children,
    read_progress,
    take_back_missed,
    write_command,
    write_launcher,
)
from reproaudit.runs.log import copy_to_stderr
from reproaudit.runs.orphans import end_marked, end_orphans, keep_as_own
from reproaudit.runs.overdue import Overdue
from reproaudit.runs.places import make_folder_of_runs, refuse_unwritable, require_place
from reproaudit.runs.processes import has_ended
from reproaudit.runs.settled import settle_outcome, write_outcome
from reproaudit.runs.stillness import Stillness, measure_processor_time
from reproaudit.runs.warden import Warden, find_parent_to_end_with
from reproaudit.startup import RECORDER, is_installed
from reproaudit.trace.ending import is_final, read_outcome
from reproaudit.trace.failure import take_back_failure
from reproaudit.trace.schema import RUN_FILE
from reproaudit.trace.words import STOP_FILE

POLL_S = 0.02
_LOOK_S = 0.2
GRACE_S = 2.0  # from SIGTERM to SIGKILL


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One finished run.

    `seconds` is wall time from start to end, the start of the interpreter included; of one that was
    held, the processor time that it took before, and wall time from its release. `still_s` is the
    longest time in which nothing moved in it; `stood_still`: it was ended for that.
    """

    plan: RunPlan
    outcome: Outcome
    trace_dir: Path
    log: Path | None
    seconds: float
    still_s: float = 0.0
    stood_still: bool = False


class _Looks:
    """Says when to look at a run again: reading its trace costs more than asking if it lives."""

    def __init__(self) -> None:
        self._next = 0.0

    def is_due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _LOOK_S
        return True


class RunningProcess:
    """A run under way, in a session and process group of its own.

    Made by `start`; ends with `wait` or `stop`. One that is held has `hold`, the pipe whose other
    end it reads, and goes on with `release`.
    """

    def __init__(
        self,
        plan: RunPlan,
        process: subprocess.Popen[bytes],
        log: Path | None,
        *,
        show_output: bool,
        hold: int | None = None,
    ) -> None:
        self.plan = plan
        self._hold = hold
        self._process = process
        self._log = log
        self._trace_dir = plan.trace_dir
        self._started = time.monotonic()
        self._spent_s = 0.0  # before it was released
        # Bytes of the log that were shown; None where nobody watches.
        self._shown: int | None = None
        if show_output and log is not None:
            self._shown = 0
        self._progress = b""
        self._is_stopped = False
        keep_as_own(process.pid)
        self._warden = Warden(process.pid, mark_children(plan))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal's number for a killed process.

        None until it is reaped.
        """
        return self._process.returncode

    def release(self) -> bool:
        """Let a held process go on; return False if it is gone.

        A program that ends all its neighbours may have ended it.
        """
        assert self._hold is not None
        hold, self._hold = self._hold, None
        self._spent_s = measure_processor_time(self.pid)
        self._started = time.monotonic()
        try:
            os.write(hold, b"\n")
        except BrokenPipeError:
            return False
        finally:
            os.close(hold)
        return not has_ended(self._process)

    def wait(
        self,
        *,
        timeout_s: float | None = None,
        still_s: float | None = None,
        on_progress: Callable[[int], None] | None = None,
        is_over: Callable[[Path], bool] | None = None,
    ) -> RunRecord:
        """Wait for the run's end, at most until `timeout_s` after its start, and say how it ended.

        It is ended as well once nothing has moved in it for `still_s`, as if its time was over, and
        once one of its processes was stopped after its steps and the others do nothing more.
        Once `is_over` of its folder is True, the recorder stops the program when its step ends.
        Whatever the program left running in its process group is killed. The outcome is also
        written into the trace if the process could not do so itself. Raises SubjectError if the
        recorder failed or recorded nothing.
        """
        timed_out = False
        stood_still = False
        stopped: Outcome | None = None
        overdue = Overdue(self._trace_dir)
        places = [self._trace_dir]
        if self._log is not None:
            places.append(self._log)
        stillness = Stillness(self._process.pid, places)
        looks = _Looks()
        try:
            while not has_ended(self._process):
                self._report(on_progress)
                if is_over is not None and looks.is_due() and is_over(self._trace_dir):
                    self._ask_to_stop()
                    is_over = None
                if timeout_s is not None and time.monotonic() - self._started >= timeout_s:
                    timed_out = True
                    break
                still_for = stillness.measure()
                if still_s is not None and still_for >= still_s:
                    timed_out = stood_still = True
                    timeout_s = round(time.monotonic() - self._started)
                    break
                stopped = overdue.look()
                if stopped is not None:
                    break
                time.sleep(POLL_S)
            seconds = self._spent_s + time.monotonic() - self._started
            # What the recorder said before we step in stands: a program may hang after its steps.
            recorded = read_outcome(self._trace_dir)
            if timed_out or stopped is not None:
                self._terminate()
            self.stop()
            if stopped is not None:
                recorded = stopped
                write_outcome(self._trace_dir, stopped)
            self._report(on_progress)
        except BaseException:
            # Who is sent one is often sent another, by a terminal and by whoever passes it on.
            while True:
                try:
                    self._end_interrupted()
                    break
                except KeyboardInterrupt:
                    continue
            raise
        outcome = settle_outcome(
            self.plan,
            self._process.returncode,
            recorded=recorded,
            timed_out_s=timeout_s if timed_out else None,
            log=self._log,
        )
        return RunRecord(
            plan=self.plan,
            outcome=outcome,
            trace_dir=self._trace_dir,
            log=self._log,
            seconds=seconds,
            still_s=stillness.longest_s,
            stood_still=stood_still,
        )

    def _ask_to_stop(self) -> None:
        # Where it cannot be asked it makes all of its steps.
        with contextlib.suppress(OSError):
            (self._trace_dir / STOP_FILE).touch()

    def _end_interrupted(self) -> None:
        self.stop()
        if not is_final(read_outcome(self._trace_dir)):
            interrupted = Outcome(OutcomeKind.KILLED, detail="the audit was interrupted")
            write_outcome(self._trace_dir, interrupted)

    def stop(self) -> None:
        """Kill what is left of the process group, what has left it, and reap the process."""
        if not self._is_stopped:
            # The unreaped leader keeps the group's number from others.
            if self._process.returncode is None:
                self._signal(signal.SIGKILL)
            self._warden.dismiss()
            self._process.wait()
            end_marked(mark_children(self.plan))
            end_orphans()
            self._is_stopped = True
        hold, self._hold = self._hold, None
        if hold is not None:
            os.close(hold)

    def _terminate(self) -> None:
        """Ask the group to end, and give its leader a moment to do so."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while not has_ended(self._process) and time.monotonic() < deadline:
            time.sleep(POLL_S)

    def _signal(self, number: signal.Signals) -> None:
        # macOS refuses permission when only a zombie is left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _report(self, on_progress: Callable[[int], None] | None) -> None:
        """Pass on what the program printed and how many steps it has done since the last look."""
        if self._shown is not None and self._log is not None:
            self._shown += copy_to_stderr(self._log, self._shown)
        if on_progress is None:
            return
        progress = read_progress(self._trace_dir)
        if progress and progress != self._progress:
            self._progress = progress
            on_progress(int(progress))


def start(
    plan: RunPlan,
    *,
    python: str = sys.executable,
    log: Path | None,
    show_output: bool = False,
    entry: Sequence[str] = (RECORDER,),
    is_held: bool = False,
    is_site: bool | None = None,
) -> RunningProcess:
    """Start the run that `plan` describes and return at once.

    A held one loads the recorder, and if it is a script's, the libraries that the script imports
    before anything else. It does nothing more of the program before it is released.

    The plan is written beside the trace's folder. The process has the caller's environment and the
    settings' variables, the subject's working directory, no standard input (a question finds its
    end: it must not be answered differently from run to run), and writes both output streams into
    `log`. Without a log it has the caller's three streams as they are.

    What it starts finds the recorder beside its packages, or with `is_site` through PYTHONPATH;
    None: as it is installed for this interpreter.
    """
    trace_dir = plan.trace_dir.absolute()
    plan = replace(plan, trace_dir=trace_dir)
    if (trace_dir / RUN_FILE).exists():
        raise UsageError(
            f"{trace_dir} already holds a trace",
            code="trace-exists",
            hint="record into another folder",
        )
    require_place(trace_dir)
    make_folder_of_runs(trace_dir.parent)
    if log is not None:
        make_folder_of_runs(log.parent)
    take_back_failure(trace_dir)  # of an earlier run in the same folder
    plan_file = name_plan_file(trace_dir)
    with refuse_unwritable(Path(plan_file)):
        write_whole(plan_file, to_json(plan).encode("utf-8"))
    command = write_command(plan, python, entry, is_watched=show_output)
    if not plan.subject.is_command:
        command += [plan_file, str(find_parent_to_end_with())]
    else:
        write_launcher(plan)
    if is_site is None:
        is_site = not is_installed()
    streams: dict[str, Any] = {}
    hold = None
    descriptors: tuple[int, ...] = ()
    with contextlib.ExitStack() as stack:
        if log is not None:
            with refuse_unwritable(log):
                output = stack.enter_context(create_file(log))
            streams = {
                "stdin": subprocess.DEVNULL,
                "stdout": output,
                "stderr": subprocess.STDOUT,
            }
        if is_held:
            hold, held = _open_pipe(stack)
            descriptors = (held,)
            command.append(str(held))
        try:
            process = subprocess.Popen(
                command,
                pass_fds=descriptors,
                cwd=plan.subject.cwd,
                env=make_variables(plan, is_site=is_site),
                # A group of its own, so that all that the program starts can be ended with it.
                start_new_session=True,
                **streams,
            )
        except OSError as error:
            if hold is not None:
                os.close(hold)
            raise UsageError(
                f"cannot start {command[0]!r} in {str(plan.subject.cwd)!r}: {error}",
                code="cannot-start",
                hint="check that it and the folder are there",
            ) from error
    return RunningProcess(plan, process, log, show_output=show_output, hold=hold)


def _open_pipe(stack: contextlib.ExitStack) -> tuple[int, int]:
    """Return the end that is written and the one that is read.

    The latter is the child's, and is closed here when `stack` ends.
    """
    read, write = os.pipe()
    stack.callback(os.close, read)
    return write, read


def run(
    plan: RunPlan,
    *,
    python: str = sys.executable,
    log: Path | None,
    timeout_s: float | None = None,
    show_output: bool = False,
    on_progress: Callable[[int], None] | None = None,
    entry: Sequence[str] = (RECORDER,),
    is_site: bool | None = None,
) -> RunRecord:
    """Make one run and wait for its end; see `start` and `RunningProcess.wait`."""
    begin = functools.partial(
        start, plan, python=python, log=log, show_output=show_output, entry=entry
    )
    record = begin(is_site=is_site).wait(timeout_s=timeout_s, on_progress=on_progress)
    if is_site or not take_back_missed(record.plan):
        return record
    return begin(is_site=True).wait(timeout_s=timeout_s, on_progress=on_progress)
