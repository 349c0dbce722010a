"""What becomes of the folder with the traces of an audit when it ends."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from reproaudit.errors import ReproauditError, SubjectError
from reproaudit.trace.schema import EVENTS_FILE


@contextlib.contextmanager
def keep_what_was_recorded(folder: Path, *, is_temporary: bool) -> Iterator[None]:
    """Remove a temporary folder when all went well, or when nothing was recorded.

    Otherwise the error that ended the audit says where the folder is.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise SubjectError(
            "the audit was interrupted; the running program was stopped",
            code="interrupted",
            hint=f"compare what was recorded: reproaudit compare {folder}/run-*",
        ) from None
    except ReproauditError as error:
        # What was recorded before the error may be all that the user gets for hours of computing.
        if _holds_events(folder):
            error.hint = f"{error.hint}\n  recorded so far: {folder}".strip()
        elif is_temporary:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if is_temporary:
        shutil.rmtree(folder, ignore_errors=True)


def _holds_events(folder: Path) -> bool:
    return any(file.stat().st_size for file in folder.glob(f"*/{EVENTS_FILE}"))
