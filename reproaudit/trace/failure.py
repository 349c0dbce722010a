"""What a recorder that cannot go on says, in a file beside the trace: a program cannot print it."""

from __future__ import annotations

import json
import os
from contextlib import suppress

from reproaudit import files
from reproaudit.errors import ReproauditError, SubjectError

_SUFFIX = ".failure.json"
_MOST_BYTES = 1 << 16


def failure_path(trace_dir: str | os.PathLike[str]) -> str:
    """Return the file's path, given the folder of the run's trace."""
    return f"{os.fspath(trace_dir)}{_SUFFIX}"


def write_failure(trace_dir: str | os.PathLike[str], error: ReproauditError) -> bool:
    """Leave the error to whoever started the run; False if the disk does not take it."""
    said = {"message": error.message, "code": error.code, "hint": error.hint}
    try:
        files.write_whole(failure_path(trace_dir), files.encode(said).encode("ascii"))
    except OSError:
        return False
    return True


def take_back_failure(trace_dir: str | os.PathLike[str]) -> None:
    """Remove what was left there."""
    with suppress(OSError):
        os.unlink(failure_path(trace_dir))


def read_failure(trace_dir: str | os.PathLike[str]) -> SubjectError | None:
    """Return what the recorder of this run said; None if it said nothing."""
    try:
        said = json.loads(files.read_bytes(failure_path(trace_dir), _MOST_BYTES))
        texts = [files.legible(str(said[key])) for key in ("message", "code", "hint")]
    except (OSError, files.Unreadable, ValueError, KeyError, TypeError, RecursionError):
        return None
    message, code, hint = texts
    return SubjectError(message, code=code, hint=hint)
