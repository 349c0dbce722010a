"""Where the files of runs go: folders are made, and what is in the way is named. Nothing is written
through a link that lies in the place of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from reproaudit.errors import UsageError

_HINT = "name another folder with --out DIR"


def make_folder_of_runs(folder: Path) -> None:
    """Make the folder and those above it. Raises UsageError where that cannot be done."""
    with refuse_unwritable(folder):
        folder.mkdir(parents=True, exist_ok=True)


def require_place(folder: Path) -> None:
    """Raise UsageError if what lies in the place of a run is no folder, or is a link, which may
    lead anywhere."""
    if folder.is_symlink():
        fault = "is a symbolic link"
    elif folder.exists() and not folder.is_dir():
        fault = "is no folder"
    else:
        return
    raise UsageError(f"{str(folder)!r} {fault}", code="trace-exists", hint=_HINT)


@contextlib.contextmanager
def refuse_unwritable(path: Path) -> Iterator[None]:
    """Raise UsageError for an OSError within."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(
            f"cannot write {str(path)!r}: {why}", code="trace-unwritable", hint=_HINT
        ) from None
