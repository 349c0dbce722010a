"""Tells a disk that is full from whatever failed because of it."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from reproaudit.errors import SubjectError, TraceError, UsageError
from reproaudit.files import require_room


@contextlib.contextmanager
def name_full_disk(folder: Path, name: str) -> Iterator[None]:
    """Raise SubjectError instead of what failed within, if the disk of `folder` is full.

    `name` is the run that was to be recorded there.
    """
    try:
        yield
    except (OSError, SubjectError, TraceError, UsageError) as error:
        # Whatever it was that failed: without room nothing can be recorded.
        if is_full(folder):
            raise make_full_disk_error(folder, name) from error
        raise


def is_full(folder: Path) -> bool:
    """Return True if the disk of `folder` has no room left."""
    try:
        require_room(folder)
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return False


def make_full_disk_error(folder: Path, name: str) -> SubjectError:
    """Return the error of a run that could not be recorded for lack of room."""
    return SubjectError(
        f"the disk of {str(folder)!r} is full: {name} could not be recorded",
        code="disk-full",
        hint="make room, or record elsewhere: --out DIR",
    )
