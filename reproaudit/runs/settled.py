"""How a run ended: what its recorder wrote, or else what its process's end tells."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import replace
from pathlib import Path

from reproaudit import files
from reproaudit.config.plan import RunPlan
from reproaudit.errors import SubjectError, TraceError
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.runs.command_ending import settle_command
from reproaudit.runs.launch import name_signal
from reproaudit.runs.log import raise_what_the_recorder_says, tail
from reproaudit.trace.ending import finalise_outcome, is_final
from reproaudit.trace.failure import read_failure
from reproaudit.trace.schema import EVENTS_FILE, RUN_FILE
from reproaudit.trace.words import EXIT_SOFTWARE, EXIT_USAGE


def settle_outcome(
    plan: RunPlan,
    code: int,
    *,
    recorded: Outcome | None,
    timed_out_s: float | None,
    log: Path | None,
) -> Outcome:
    """Return how the run ended, and write it into the trace unless it stands there.

    `code` is that of its process. `recorded` is what the trace says, `timed_out_s` the limit if the
    run went past it. Raises SubjectError if the recorder failed or recorded nothing.
    """
    trace_dir = plan.trace_dir
    if code in (EXIT_USAGE, EXIT_SOFTWARE) or plan.subject.is_command:
        raise_what_the_recorder_says(trace_dir, log)
    # A process that is killed while it writes its end says how it ended before all events stand.
    was_cut = timed_out_s is not None and _lacks_events(trace_dir)
    if recorded is not None and is_final(recorded) and not was_cut:
        if timed_out_s is None:
            return recorded
        detail = f"{recorded.detail}; then it hung and was ended".lstrip("; ")
        outcome = replace(recorded, detail=detail)
    elif timed_out_s is not None:
        detail = f"still running after {timed_out_s:g} s"
        outcome = Outcome(OutcomeKind.TIMED_OUT, detail=detail)
    elif code < 0:
        # subprocess gives the signal's number with a minus.
        number = -code
        if not plan.subject.is_command and not (trace_dir / RUN_FILE).exists():
            raise _make_killed_early_error(plan, number, log)
        outcome = Outcome(OutcomeKind.KILLED, number, name_signal(number))
    elif plan.subject.is_command:
        outcome = settle_command(trace_dir, code)
    elif recorded is None:
        # It may have seen the program replace itself.
        raise_what_the_recorder_says(trace_dir, log)
        raise _make_nothing_recorded_error(plan, code, log)
    elif code > 0:
        outcome = Outcome(OutcomeKind.EXITED, code)
    else:
        failure = read_failure(trace_dir)
        detail = "the program ended through os._exit" if failure is None else failure.message
        outcome = Outcome(OutcomeKind.COMPLETED, 0, detail)
    write_outcome(trace_dir, outcome)
    return outcome


def _lacks_events(trace_dir: Path) -> bool:
    """Return True if fewer events stand in the trace than it says."""
    # Whoever only starts a run does not wait for NumPy, which describes an event.
    from reproaudit.trace.records import EVENT

    said, stands = 0, 0
    try:
        said = files.read_run_file(trace_dir / RUN_FILE).get("events", 0)
        stands = (trace_dir / EVENTS_FILE).stat().st_size // EVENT.itemsize
    except FileNotFoundError:
        pass  # one without events
    except (OSError, TraceError):
        return False  # whoever reads it says what is wrong with it
    return isinstance(said, int) and stands < said


def write_outcome(trace_dir: Path, outcome: Outcome) -> None:
    """Put the outcome into the trace, if there is one."""
    # A trace that cannot be read stays as it is: whoever reads it says what is wrong with it.
    if (trace_dir / RUN_FILE).exists():
        with contextlib.suppress(TraceError):
            finalise_outcome(trace_dir, outcome)


def _make_nothing_recorded_error(plan: RunPlan, code: int, log: Path | None) -> SubjectError:
    subject = str(plan.subject)
    return SubjectError(
        f"nothing was recorded of {subject!r}, which ended with exit code {code}",
        code="nothing-recorded",
        hint=_quote_output(log),
    )


def _make_killed_early_error(plan: RunPlan, number: int, log: Path | None) -> SubjectError:
    hint = _quote_output(log)
    if number == signal.SIGKILL:
        hint = f"a system or a container that is out of memory does this: allow it more; {hint}"
    return SubjectError(
        f"{str(plan.subject)!r} was killed by {name_signal(number)} before anything was recorded",
        code="nothing-recorded",
        hint=hint,
    )


def _quote_output(log: Path | None) -> str:
    said = tail(log)
    return f"the last lines of its output were:\n{said}" if said.strip() else "it printed nothing"
