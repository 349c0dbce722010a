"""What is copied for a run: the repository around the working folder, or as much as is bearable."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

MOST_BYTES = 1 << 30
MOST_FILES = 20_000
GIT = ".git"
BYTECODE = "__pycache__"
_COMPILED = (".nbi", ".nbc")  # what Numba keeps beside the bytecode
_LISTING_S = 10.0
_MOST_TOLD = 3
# Installed for this very place: a copy would not work.
_INSTALLED_NAMES = frozenset({"node_modules"})
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
# No program reads them, and they are large.
_LEFT_OUT_NAMES = frozenset({".mypy_cache", ".ruff_cache"})


@dataclass(slots=True)
class _Found:
    """What was found so far, as paths relative to the folder that is copied."""

    copied: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    repositories: list[str] = field(default_factory=list)
    size: int = 0

    @property
    def is_bearable(self) -> bool:
        return self.size <= MOST_BYTES and len(self.copied) <= MOST_FILES

    def join(self, other: _Found) -> _Found:
        return _Found(
            [*self.copied, *other.copied],
            [*self.linked, *other.linked],
            [*self.repositories, *other.repositories],
            self.size + other.size,
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """What of `folder` is copied, as sorted paths relative to it: a folder before what it holds.

    `linked` are environments, which work in their own place only, and what git ignores where it is
    too large: a copy has links to them. `repositories` are git's own files. `shared` says in words
    what else than environments is not copied; "" if all is.
    """

    folder: Path
    copied: tuple[str, ...]
    linked: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    shared: str = ""


def select_files(working_folder: Path, leave_out: Path | None = None) -> Selection | None:
    """Choose what is copied for runs that start in `working_folder`.

    It is the repository's top folder; the working folder alone if that is too large, or if there
    is none. None if even that is too large. `leave_out` is a folder of ours.
    """
    start = Path(os.path.realpath(working_folder))
    left_out = () if leave_out is None else (os.path.realpath(leave_out),)
    top = find_top(start)
    for folder in dict.fromkeys((top, start)):
        selection = _select_in(folder, start, left_out)
        if selection is None:
            continue
        if folder == top:
            return selection
        shared = f"{top} is too large, so that only {folder} is copied"
        if selection.shared:
            shared += f", {selection.shared}"
        return replace(selection, shared=shared)
    return None


def find_top(folder: Path) -> Path:
    """Return the top of the repository that `folder` lies in; itself if there is none.

    Of a submodule it is the top of the whole. A home folder that is a repository is no project.
    """
    found = folder
    for place in (folder, *folder.parents):
        if not (place / GIT).exists() or place == Path.home() or place == place.parent:
            continue
        found = place
        if not _is_submodule(place / GIT):
            break
    return found


def list_compiled(folder: Path) -> Iterator[str]:
    """List the names of the files that Numba keeps beside the sources in `folder`."""
    try:
        names = sorted(os.listdir(folder / BYTECODE))
    except OSError:
        return
    for name in names:
        if name.endswith(_COMPILED):
            yield os.path.join(BYTECODE, name)


def _is_submodule(git: Path) -> bool:
    try:
        return git.is_file() and "/modules/" in git.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _select_in(folder: Path, start: Path, left_out: Iterable[str]) -> Selection | None:
    without = frozenset(os.path.relpath(place, folder) for place in left_out)
    found = _Walk(folder, without).visit("")
    too_large: list[str] = []
    if not found.is_bearable:
        ignored = _list_ignored(folder)
        found = _Walk(folder, without.union(ignored)).visit("")
        if not found.is_bearable:
            return None
        # What lies in the working folder is needed first.
        inside = os.path.relpath(start, folder) + os.sep
        ignored.sort(key=lambda path: (not path.startswith(inside), path))
        for path in ignored:
            if _lies_in(path, found.linked):
                continue
            with_it = found.join(_Walk(folder, without).visit(path))
            if with_it.is_bearable:
                found = with_it
            else:
                too_large.append(path)
    return Selection(
        folder=folder,
        copied=tuple(sorted(found.copied)),
        linked=tuple(sorted([*found.linked, *too_large])),
        repositories=tuple(sorted(found.repositories)),
        shared=_word_links(sorted(too_large)),
    )


def _word_links(too_large: Sequence[str]) -> str:
    if not too_large:
        return ""
    shown = ", ".join(too_large[:_MOST_TOLD])
    if len(too_large) > _MOST_TOLD:
        shown += f" and {len(too_large) - _MOST_TOLD} more"
    return f"too large and linked: {shown}"


def _lies_in(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(folder + os.sep) for folder in folders)


class _Walk:
    """Looks for what is to be copied of `folder`, but for what lies at the paths `without`."""

    def __init__(self, folder: Path, without: frozenset[str]) -> None:
        self._folder = folder
        self._without = without

    def visit(self, path: str) -> _Found:
        """Return what lies at `path` and below it; not all of it once that is too much."""
        found = _Found()
        waiting = [path]
        while waiting and found.is_bearable:
            waiting += self._take(found, waiting.pop())
        return found

    def _take(self, found: _Found, path: str) -> list[str]:
        """Add what lies at `path`; return what lies directly in it and is to be looked at."""
        place = self._folder / path
        name = os.path.basename(path)
        if path in self._without or name in _LEFT_OUT_NAMES:
            return []
        if name == GIT:
            found.repositories.append(path)
            return []
        try:
            status = os.lstat(place)
        except OSError:  # it may go while we look
            return []
        if stat.S_ISLNK(status.st_mode):
            found.copied.append(path)
        elif stat.S_ISREG(status.st_mode):
            found.copied.append(path)
            found.size += status.st_size
        elif stat.S_ISDIR(status.st_mode):
            if path and _is_installed_here(place):
                found.linked.append(path)
                return []
            return self._take_folder(found, path)
        # Sockets, pipes and devices cannot be copied.
        return []

    def _take_folder(self, found: _Found, path: str) -> list[str]:
        try:
            names = os.listdir(self._folder / path)
        except OSError:
            names = []
        if os.path.basename(path) == BYTECODE:
            names = [name for name in names if name.endswith(_COMPILED)]
            if not names:
                return []
        if path:
            found.copied.append(path)
        return [os.path.join(path, name) for name in names]


def _is_installed_here(folder: Path) -> bool:
    """Return True for a folder whose programs work in this place only, as an environment."""
    if folder.name in _INSTALLED_NAMES:
        return True
    return any((folder / mark).exists() for mark in _ENVIRONMENT_MARKS)


def _list_ignored(folder: Path) -> list[str]:
    """Return what git ignores in `folder`, a whole folder as one; nothing if nobody can tell."""
    command = ["git", "-C", str(folder), "ls-files", "-z", "--others", "--ignored"]
    command += ["--exclude-standard", "--directory"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=_LISTING_S,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    paths = os.fsdecode(done.stdout).split("\0")
    return [path.rstrip("/") for path in paths if path]
