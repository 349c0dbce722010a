"""Files of a run's own: the project as it was before the audit, and an empty TMPDIR."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reproaudit.config.plan import RunPlan
from reproaudit.config.settings import Settings, merge
from reproaudit.config.subject import SubjectSpec
from reproaudit.errors import SubjectError
from reproaudit.runs.borrowed_git import borrow_git
from reproaudit.runs.copied_files import (
    BYTECODE,
    MOST_BYTES,
    MOST_FILES,
    list_compiled,
    select_files,
)
from reproaudit.runs.moved_paths import Move, MovedPaths
from reproaudit.runs.owner import make_temporary_folder

# Folders above the copied one of which a copy shows what else lies there: `../..` is in use.
_LEVELS_ABOVE = 2
_MOST_ABOVE = 1000  # entries of such a folder


_COPY = "copy"
_TEMPORARY = "temporary"


@dataclass(frozen=True, slots=True)
class Kept:
    """Folders of files that a run begins with, in the place of those that lay there before the
    audit, and that it leaves for later runs. None: neither."""

    begins: Path | None = None
    leaves: Path | None = None


_NOTHING_KEPT = Kept()


class WorkingFolder:
    """Remembers which files lay in and around a folder, so that copies are without later ones.

    `without` is a folder of ours, which is never copied.
    """

    def __init__(self, folder: Path, without: Path | None = None) -> None:
        self._folder = folder
        self._start = Path(os.path.realpath(folder))
        self._selection = select_files(folder, without)
        self._copied = frozenset(self._selection.copied if self._selection else ())
        self._temporary: dict[Path, Path] = {}  # by where the copy lies

    @property
    def shared(self) -> str:
        """What a copy would share with the others, in words; "" if nothing."""
        return "" if self._selection is None else self._selection.shared

    def holds(self, file: Path) -> bool:
        """Return True if a copy would hold the file; also if the folder is too large for one."""
        selection = self._selection
        if selection is None:
            # Whoever asks for a copy learns why there is none.
            return Path(os.path.realpath(file)).is_relative_to(self._start)
        return os.path.relpath(os.path.realpath(file), selection.folder) in self._copied

    @contextlib.contextmanager
    def lend_copy(
        self,
        plan: RunPlan,
        target: Path,
        *,
        keeps_compiled: bool = False,
        kept: Kept = _NOTHING_KEPT,
    ) -> Iterator[RunPlan]:
        """Give the plan of a run that works in a copy below `target`; the copy goes when it ends.

        With `keeps_compiled` it holds what Numba compiled since the start. Raises SubjectError if
        the folder is too large to be copied.
        """
        # Not below the traces: programs make sockets there, whose paths have 107 bytes at most.
        owned = make_temporary_folder(self._temporary.get(target))
        # Later runs get the same path, for whatever depends on it.
        self._temporary[target] = owned
        try:
            move = self._copy_to(target, keeps_compiled=keeps_compiled, begins=kept.begins)
            given = owned / "t"
            usual = Path(tempfile.gettempdir()).resolve()
            if usual.is_relative_to(move.old):
                # What lies there is copied with the rest, and a file keeps its place.
                given = move.new / usual.relative_to(move.old)
            elif kept.begins is not None:
                _copy_tree(kept.begins / _TEMPORARY, given)
            given.mkdir(parents=True, exist_ok=True)
            own_temporary = Settings(env=(("TMPDIR", str(given)),))
            moved = move_plan(plan, move)
            yield replace(moved, settings=merge(moved.settings, own_temporary))
            if kept.leaves is not None:
                _keep(target, kept.leaves / _COPY)
                if given.is_relative_to(owned):
                    _keep(given, kept.leaves / _TEMPORARY)
        finally:
            shutil.rmtree(target, ignore_errors=True)
            shutil.rmtree(owned, ignore_errors=True)

    @contextlib.contextmanager
    def lend_program(
        self, plan: RunPlan, target: Path, *, kept: Kept = _NOTHING_KEPT
    ) -> Iterator[RunPlan]:
        """Give the plan of a run whose program lies in a copy below `target`, which goes as well.

        It starts where it did. Raises SubjectError if the folder is too large to be copied.
        """
        try:
            move = self._copy_to(target, keeps_compiled=True, begins=kept.begins)
            yield move_plan(plan, move)
            if kept.leaves is not None:
                _keep(target, kept.leaves / _COPY)
        finally:
            shutil.rmtree(target, ignore_errors=True)

    def _copy_to(self, target: Path, *, keeps_compiled: bool, begins: Path | None = None) -> Move:
        selection = self._selection
        if selection is None:
            most = f"{MOST_BYTES >> 20} MiB and {MOST_FILES:,} files"
            raise SubjectError(
                f"{self._folder} is too large to be copied for each run",
                code="folder-too-large",
                hint=f"at most {most} are copied; start in a smaller folder, or have git ignore "
                "what is large: it is linked",
            )
        # The same name, and the same ones above it: programs import by them.
        above = selection.folder.parts[1:][-_LEVELS_ABOVE - 1 :]
        copy = target.joinpath(*above)
        move = Move(selection.folder, copy, selection.linked)
        if begins is not None:
            # All of it: paths in it lead to the place that it had.
            _copy_tree(begins / _COPY, target)
            return move
        copy.mkdir(parents=True)
        _show_what_lies_above(selection.folder, target, above)
        moved = MovedPaths([move], self._start)
        for relative in selection.copied:
            _copy(selection.folder / relative, copy / relative, moved)
        for relative in selection.linked:
            (copy / relative).symlink_to(selection.folder / relative)
        for relative in selection.repositories:
            if (selection.folder / relative).exists():
                borrow_git(selection.folder / relative, copy / relative)
        if keeps_compiled:
            _copy_compiled(selection.folder, copy, selection.copied)
        return move


def _copy(source: Path, target: Path, moved: MovedPaths) -> None:
    """Copy one entry, whose folder is there already.

    What the program has deleted since the start, and what it may not read, is left out.
    """
    if source.is_symlink():
        aim = os.readlink(source)
        absolute = Path(os.path.normpath(source.parent / aim))
        mapped = moved.map_path(absolute)
        if os.path.isabs(aim) or mapped == absolute:
            # A relative link that leads out would lead elsewhere.
            aim = str(mapped)
        target.symlink_to(aim)
    elif source.is_dir():
        target.mkdir(exist_ok=True)
    elif source.is_file():
        with contextlib.suppress(FileNotFoundError, PermissionError):
            shutil.copy2(source, target)


def _keep(folder: Path, target: Path) -> None:
    """Move what a run has left, so that later ones can begin with it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, target)


def _copy_tree(source: Path, target: Path) -> None:
    """Copy all that lies in a folder but what cannot be: sockets, pipes and devices."""

    def leave_out(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if not _is_copied(Path(folder) / name)]

    shutil.copytree(source, target, symlinks=True, ignore=leave_out)


def _is_copied(path: Path) -> bool:
    return path.is_symlink() or path.is_dir() or path.is_file()


def _copy_compiled(folder: Path, copy: Path, copied: Sequence[str]) -> None:
    """Copy what Numba compiled since the copied files were listed: other runs find it, too."""
    for relative in ("", *copied):
        if os.path.basename(relative) == BYTECODE or not (copy / relative).is_dir():
            continue
        for name in list_compiled(folder / relative):
            (copy / relative / BYTECODE).mkdir(exist_ok=True)
            with contextlib.suppress(OSError):
                shutil.copy2(folder / relative / name, copy / relative / name)


def _show_what_lies_above(folder: Path, target: Path, names: Sequence[str]) -> None:
    """Link what else lies in the folders above the copied one: programs reach it by `..`.

    `names` lead from `target` to the copy, as they lead to `folder` in its own place.
    """
    copy = target.joinpath(*names)
    for name in reversed(names[1:]):
        folder = folder.parent
        copy = copy.parent
        try:
            others = os.listdir(folder)
        except OSError:
            continue
        if len(others) > _MOST_ABOVE:
            continue
        for other in others:
            # Of what leads here, the copy is made of folders of its own.
            if other != name and not target.is_relative_to(folder / other):
                (copy / other).symlink_to(folder / other)


def write_files(folder: Path, files: Sequence[tuple[str, str]]) -> None:
    """Give files of a copied folder another text; paths are relative to it.

    A link is replaced: it may lead out of the copy.
    """
    for path, text in files:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_bytes(text.encode())


def move_plan(plan: RunPlan, move: Move) -> RunPlan:
    """Return the plan of a run that finds the copy in the place of the folder."""
    paths = MovedPaths([move], plan.subject.cwd)
    environment = {**os.environ, **dict(plan.settings.env)}
    changed = Settings(env=tuple(paths.map_environment(environment).items()))
    return replace(
        plan,
        subject=move_subject(plan.subject, paths),
        settings=merge(plan.settings, changed),
        copies=(*plan.copies, (str(move.new), str(move.old))),
    )


def move_subject(subject: SubjectSpec, paths: MovedPaths) -> SubjectSpec:
    """Return the subject started in a copy of its folder, with a program that lies in a copy.

    A path stays as it was written where it leads to the same place.
    """
    cwd = paths.map_path(Path(os.path.realpath(subject.cwd)))
    if cwd == Path(os.path.realpath(subject.cwd)):
        cwd = subject.cwd
    path = subject.path
    if path:
        file = Path(os.path.abspath(subject.file))
        moved = paths.map_path(file)
        is_same_place = os.path.abspath(cwd / path) == str(moved)
        if not is_same_place:
            path = str(moved)
            if os.path.isabs(subject.path) and moved.is_relative_to(cwd):
                path = os.path.relpath(moved, cwd)
    argv = tuple(paths.map_word(word) for word in subject.argv)
    program = paths.map_word(subject.program)
    return replace(subject, cwd=cwd, path=path, program=program, argv=argv)
