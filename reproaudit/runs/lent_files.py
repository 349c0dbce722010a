"""Which runs of an audit are given files of their own, and where these lie."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from reproaudit.config.plan import RunPlan
from reproaudit.config.settings import Settings, merge
from reproaudit.config.subject import SubjectSpec
from reproaudit.knowledge.interventions import find
from reproaudit.runs.compiler_cache import CompilerCache
from reproaudit.runs.fresh_files import Kept, WorkingFolder, write_files
from reproaudit.runs.left_files import find_written, list_files
from reproaudit.runs.request import RunRequest

# Below these are a run's own files. All runs have them at the same place: some programs depend on
# where they lie.
_FILES_OF_RUN = "files-of-a-run"
_PROGRAM_OF_RUN = "program-of-a-run"
# Below this what runs have left in theirs, by name.
_LEFT_FILES = "left-files"


class LentFiles:
    """Lends copies of the subject's folders, which lie in `folder` while a run goes on.

    With `for_all` each run has one, and compiles what it needs in it. With `side_by_side` each has
    one as well, and finds what others have compiled.
    """

    def __init__(
        self, subject: SubjectSpec, folder: Path, *, for_all: bool, side_by_side: bool
    ) -> None:
        # A run in a copy has another working folder.
        folder = folder.absolute()
        self._subject = subject
        self._folder = folder
        self._for_all = for_all
        self._side_by_side = side_by_side
        self._working = WorkingFolder(subject.cwd, folder)
        self._written: dict[str, tuple[str, ...]] = {}  # by what runs have left as
        self._program: WorkingFolder | None = None
        if subject.lies_outside and not self._working.holds(subject.file):
            self._program = WorkingFolder(subject.folder, folder)

    @property
    def shared(self) -> str:
        """What runs with files of their own share all the same, in words; "" if nothing."""
        return self._working.shared

    def holds(self, file: Path) -> bool:
        """Return True if the file lies in what is copied of the program."""
        return (self._program or self._working).holds(file)

    def are_lent_to(self, request: RunRequest) -> bool:
        """Return True if the run has files of its own."""
        wants_fresh_files = any(find(name).fresh_files for name in request.interventions)
        is_lent = self._for_all or self._side_by_side
        return is_lent or request.fresh_copy or wants_fresh_files

    def list_written(self, name: str) -> tuple[str, ...]:
        """Return the files that a run wrote which has left its own as `name`, the newest last.

        Their paths are relative to the folder that it started in.
        """
        return self._written[name]

    def drop_left(self) -> None:
        """Remove all that runs have left."""
        shutil.rmtree(self._folder / _LEFT_FILES, ignore_errors=True)

    @contextlib.contextmanager
    def lend(
        self, request: RunRequest, plan: RunPlan, settings: Settings, slot: int | None = None
    ) -> Iterator[RunPlan]:
        """Give the run files of its own if that was asked for; they go when it ends, or are kept.

        `settings` are those of all runs. Runs that go on at the same time have a `slot` each.
        """
        if not self.are_lent_to(request):
            yield plan
            return
        is_usual = not self._for_all
        ending = "" if slot is None else f"-{slot}"
        with contextlib.ExitStack() as stack:
            target = self._folder / f"{_FILES_OF_RUN}{ending}"
            lent = self._working.lend_copy(
                plan, target, keeps_compiled=is_usual, kept=self._find_kept(request, _FILES_OF_RUN)
            )
            moved = stack.enter_context(lent)
            if self._program is not None and request.fresh_copy:
                target = self._folder / f"{_PROGRAM_OF_RUN}{ending}"
                kept = self._find_kept(request, _PROGRAM_OF_RUN)
                lent = self._program.lend_program(moved, target, kept=kept)
                moved = stack.enter_context(lent)
            write_files(moved.subject.patch_folder, request.files)
            if is_usual:
                # The other runs of the audit find what was compiled, and so must this one.
                shared = CompilerCache(settings, self._subject.cwd).share()
                moved = replace(moved, settings=merge(moved.settings, shared))
            if not request.leaves:
                yield moved
                return
            places = [self._folder / f"{part}{ending}" for part in (_FILES_OF_RUN, _PROGRAM_OF_RUN)]
            before = [list_files(place) for place in places]
            yield moved
            self._written[request.leaves] = tuple(
                os.path.relpath(place / path, moved.subject.cwd)
                for place, files in zip(places, before, strict=True)
                for path in find_written(files, list_files(place))
            )

    def _find_kept(self, request: RunRequest, part: str) -> Kept:
        """Return where the files lie that the run begins with, and where those that it leaves."""
        left = self._folder / _LEFT_FILES
        begins = left / request.goes_on_from / part if request.goes_on_from else None
        leaves = left / request.leaves / part if request.leaves else None
        return Kept(begins, leaves)
