"""What becomes of the folder with the traces of an audit when it ends."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from reproaudit.errors import ReproauditError, SubjectError
from reproaudit.model.events import OutcomeKind
from reproaudit.runs.owner import give_away
from reproaudit.trace.ending import read_outcome
from reproaudit.trace.schema import EVENTS_FILE

_UNFINISHED = (OutcomeKind.RUNNING, OutcomeKind.KILLED, OutcomeKind.TIMED_OUT)


@contextlib.contextmanager
def keep_what_was_recorded(folder: Path, *, is_temporary: bool) -> Iterator[None]:
    """Remove a temporary folder when all went well, or when nothing in it is of use.

    Otherwise the error that ended the audit says where the folder is.
    """
    is_kept = not is_temporary
    try:
        yield
    except KeyboardInterrupt:
        is_kept |= _holds_events(folder)
        raise _make_interrupted_error(folder) from None
    except ReproauditError as error:
        # What was recorded before the error may be all that the user gets for hours of computing.
        if _holds_events(folder):
            error.hint = f"{error.hint}\n  recorded so far: {folder}".strip()
        # The error may send the user to a log in it, too.
        is_kept |= str(folder) in str(error)
        raise
    finally:
        if is_kept:
            give_away(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _make_interrupted_error(folder: Path) -> SubjectError:
    """Say what can be done with what was recorded: runs that ended by themselves."""
    whole = []
    for trace in sorted(folder.glob("run-*"), key=_number):
        outcome = read_outcome(trace)
        if outcome is not None and outcome.kind not in _UNFINISHED:
            whole.append(shlex.quote(os.fspath(trace)))
    hint = ""
    if len(whole) > 1:
        hint = f"compare what was recorded: reproaudit compare {' '.join(whole)}"
    elif _holds_events(folder):
        hint = f"recorded so far: {folder}"
    return SubjectError(
        "the audit was interrupted; the running program was stopped", code="interrupted", hint=hint
    )


def _number(trace: Path) -> tuple[int, str]:
    """Sort run-10 behind run-9."""
    return len(trace.name), trace.name


def _holds_events(folder: Path) -> bool:
    # Those of a process lie in a folder of its own below that of its run.
    return any(file.stat().st_size for file in folder.glob(f"*/**/{EVENTS_FILE}"))
