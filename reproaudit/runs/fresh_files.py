"""Files of a run's own: the working folder as it was before the audit, and an empty TMPDIR."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reproaudit.config.plan import RunPlan
from reproaudit.config.settings import Settings, merge
from reproaudit.config.subject import SubjectSpec
from reproaudit.errors import SubjectError
from reproaudit.runs.owner import make_temporary_folder

_MOST_BYTES = 1 << 30
_MOST_FILES = 20_000


class WorkingFolder:
    """Remembers which files lay in a folder, so that copies are without later ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = _list_files(folder)

    @contextlib.contextmanager
    def lend_copy(self, plan: RunPlan, target: Path) -> Iterator[RunPlan]:
        """Give the plan of a run that works in a copy at `target`; the copy goes when it ends.

        Raises SubjectError if the folder is too large to be copied.
        """
        # Not below the traces: programs make sockets there, whose paths have 107 bytes at most.
        owned = make_temporary_folder()
        given = owned / "t"
        usual = Path(tempfile.gettempdir()).resolve()
        folder = self._folder.resolve()
        if usual.is_relative_to(folder):
            # What lies there is copied with the rest, and a file keeps its place.
            given = target / usual.relative_to(folder)
        own_temporary = Settings(env=(("TMPDIR", str(given)),))
        try:
            self._copy_to(target)
            given.mkdir(parents=True, exist_ok=True)
            yield replace(
                plan,
                subject=move_subject(plan.subject, target),
                settings=merge(plan.settings, own_temporary),
            )
        finally:
            shutil.rmtree(target, ignore_errors=True)
            shutil.rmtree(owned, ignore_errors=True)

    @contextlib.contextmanager
    def lend_program(self, plan: RunPlan, target: Path) -> Iterator[RunPlan]:
        """Give the plan of a run whose program lies in a copy at `target`, which goes as well.

        Raises SubjectError if the folder is too large to be copied.
        """
        try:
            self._copy_to(target)
            path = target / plan.subject.file.name
            yield replace(plan, subject=replace(plan.subject, path=str(path)))
        finally:
            shutil.rmtree(target, ignore_errors=True)

    def _copy_to(self, target: Path) -> None:
        if self._before is None:
            most = f"{_MOST_BYTES >> 20} MiB and {_MOST_FILES:,} files"
            raise SubjectError(
                f"{self._folder} is too large to be copied for each run",
                code="folder-too-large",
                hint=f"start in a smaller folder; at most {most} are copied",
            )
        target.mkdir(parents=True)
        for relative in sorted(self._before):
            source = self._folder / relative
            copy = target / relative
            # A folder stands before what it holds, for the paths are in order. What the program
            # has deleted since then is neither, and sockets and pipes cannot be copied.
            if source.is_dir():
                copy.mkdir(exist_ok=True)
            elif source.is_file():
                shutil.copy2(source, copy)


def write_files(folder: Path, files: Sequence[tuple[str, str]]) -> None:
    """Give files of a copied folder another text; paths are relative to it."""
    for path, text in files:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())


def move_subject(subject: SubjectSpec, cwd: Path) -> SubjectSpec:
    """Return the subject started in another folder.

    A file outside of the old folder keeps its place.
    """
    if os.path.isabs(subject.path) and Path(subject.path).is_relative_to(subject.cwd):
        # An absolute path would lead out of the copy.
        subject = replace(subject, path=os.path.relpath(subject.path, subject.cwd))
    if subject.path and not (cwd / subject.path).is_file():
        return replace(subject, cwd=cwd, path=os.path.abspath(subject.file))
    return replace(subject, cwd=cwd)


def _list_files(folder: Path) -> frozenset[str] | None:
    """Return the relative paths of all that lies in `folder`; None if that is too much to copy."""
    found: set[str] = set()
    size = 0
    for root, folders, files in os.walk(folder):
        kept = []
        for name in folders:
            path = os.path.join(root, name)
            # A link to a folder could lead out of this one, or round in a circle.
            if not os.path.islink(path):
                kept.append(name)
                found.add(os.path.relpath(path, folder))
        # os.walk goes on into what is left in its own list.
        folders[:] = kept
        for name in files:
            path = os.path.join(root, name)
            found.add(os.path.relpath(path, folder))
            # A file may go while we look.
            with contextlib.suppress(OSError):
                size += os.stat(path).st_size
        if size > _MOST_BYTES or len(found) > _MOST_FILES:
            return None
    return frozenset(found)
