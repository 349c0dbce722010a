"""What git says of a folder: its commit, what was changed since, and what it does not know.

git is run so that it changes nothing, not even its index, and starts no program that the
repository's configuration names for showing a difference.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reproaudit.files import Unreadable, read_bytes
from reproaudit.manifest.model import CodeFile

MOST_PATCH_BYTES = 256 << 10  # of a patch that are kept
_MOST_UNTRACKED = 1000
_MOST_FILE_BYTES = 1 << 20
_PART_BYTES = 1 << 16
_LIMIT_S = 120
_QUIET = ("core.fsmonitor=false", "core.quotePath=true", "core.pager=cat", "diff.noprefix=false")
_DIFF = (
    "diff --no-color --no-ext-diff --no-textconv --full-index --no-renames --unified=3 "
    "--diff-algorithm=myers --no-indent-heuristic --src-prefix=a/ --dst-prefix=b/ "
    "--submodule=short --ignore-submodules=none"
).split()
_EMPTY_TREE = {"sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904"}
_EMPTY_TREE["sha256"] = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"


class GitFailed(Exception):
    """git is missing, or says why it cannot tell."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A unified diff, of which `text` may hold the beginning only; in whole lines."""

    text: str = ""
    bytes: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """A repository's working tree. `commit` is "" before the first one, `branch` if detached."""

    top: Path
    commit: str = ""
    branch: str = ""
    patch: Patch = field(default_factory=Patch)
    untracked: tuple[CodeFile, ...] = ()
    untracked_left_out: int = 0


def read_repository(folder: Path, *, with_untracked: bool = True) -> RepositoryState | None:
    """Return the state of the repository that a folder lies in; None if it lies in none.

    Raises GitFailed if there is one, and git is missing or cannot read it.
    """
    if not _lies_in_repository(folder):
        return None
    top = Path(os.fsdecode(_ask(folder, "rev-parse --show-toplevel").rstrip(b"\n")))
    try:
        commit = _ask_line(top, "rev-parse --verify --quiet HEAD^{commit}")
        base = commit
    except GitFailed:
        # A broken reference looks the same as none: only git's own check tells them apart.
        _require_unborn(top)
        commit, base = "", _EMPTY_TREE[_ask_line(top, "rev-parse --show-object-format")]
    untracked: tuple[CodeFile, ...] = ()
    left_out = 0
    if with_untracked:
        untracked, left_out = _read_untracked(top)
    return RepositoryState(
        top=top,
        commit=commit,
        branch=_find_branch(top),
        patch=_read_patch(top, base),
        untracked=untracked,
        untracked_left_out=left_out,
    )


def list_ignored(top: Path, paths: tuple[str, ...]) -> frozenset[str]:
    """Return those of some files, relative to the top, that no commit can hold: ignored ones."""
    if not paths:
        return frozenset()
    names = "\0".join(paths).encode("utf-8", "surrogateescape")
    try:
        # `check-ignore` leaves out what is tracked all the same.
        found = _ask(top, "check-ignore -z --stdin", given=names)
    except GitFailed:
        return frozenset()  # none is: git ends with 1
    return frozenset(os.fsdecode(found).split("\0")) - {""}


def digest_file(path: Path, name: str) -> CodeFile | None:
    """Return a file by its content; None for what is no regular file that can be read."""
    try:
        size = path.lstat().st_size
        if size > _MOST_FILE_BYTES:
            return CodeFile(name, size, "")
        content = read_bytes(path, _MOST_FILE_BYTES)
    except (OSError, Unreadable):
        return None
    return CodeFile(name, len(content), hashlib.sha256(content).hexdigest())


def _lies_in_repository(folder: Path) -> bool:
    # Asked of the file system first: git that is missing says nothing of a folder without one.
    if "GIT_DIR" in os.environ:
        return True
    start = Path(os.path.realpath(folder))
    return any(os.path.lexists(place / ".git") for place in (start, *start.parents))


def _require_unborn(top: Path) -> None:
    """Raise GitFailed unless the branch that is checked out has no commit yet."""
    try:
        name = _ask_line(top, "rev-parse --verify --quiet HEAD")
    except GitFailed:
        return
    raise GitFailed(f"git cannot read the commit {name}")


def _find_branch(top: Path) -> str:
    try:
        return _ask_line(top, "symbolic-ref --quiet --short HEAD")
    except GitFailed:
        return ""


def _read_patch(top: Path, base: str) -> Patch:
    whole = hashlib.sha256()
    kept = bytearray()
    size = 0
    for part in _stream(top, (*_DIFF, base)):
        whole.update(part)
        size += len(part)
        kept += part[: MOST_PATCH_BYTES - len(kept)]
    if size > len(kept):
        del kept[kept.rfind(b"\n") + 1 :]
    text = bytes(kept).decode("utf-8", "backslashreplace")
    return Patch(text, size, whole.hexdigest() if size else "")


def _read_untracked(top: Path) -> tuple[tuple[CodeFile, ...], int]:
    """Return what git neither knows nor ignores, and how many files of that were left out."""
    listed = b"".join(_stream(top, "ls-files -z --others --exclude-standard".split()))
    paths = sorted(name for name in os.fsdecode(listed).split("\0") if name)
    found = [digest_file(top / name, name) for name in paths[:_MOST_UNTRACKED]]
    kept = tuple(file for file in found if file is not None)
    return kept, len(paths) - len(kept)


def _ask_line(folder: Path, words: str) -> str:
    return _ask(folder, words).decode("utf-8", "backslashreplace").strip()


def _ask(folder: Path, words: str, given: bytes | None = None) -> bytes:
    """Return what git prints. Raises GitFailed."""
    try:
        done = subprocess.run(
            _make_command(folder, words.split()),
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            timeout=_LIMIT_S,
            check=True,
            env=_make_environment(),
        )
    except subprocess.CalledProcessError as error:
        raise GitFailed(_name_failure(error.stderr)) from None
    except (OSError, subprocess.SubprocessError) as error:
        raise GitFailed(f"git cannot be run: {error}") from None
    return done.stdout


def _stream(folder: Path, words: Sequence[str]) -> Iterator[bytes]:
    """Yield what git prints, part by part: a patch may be of any size. Raises GitFailed."""
    with tempfile.TemporaryFile() as errors:  # no pipe: git may say more than one holds
        try:
            process = subprocess.Popen(
                _make_command(folder, words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_make_environment(),
            )
        except OSError as error:
            raise GitFailed(f"git cannot be run: {error}") from None
        limit = threading.Timer(_LIMIT_S, process.kill)
        limit.start()
        try:
            with process:
                assert process.stdout is not None
                while part := process.stdout.read(_PART_BYTES):
                    yield part
        finally:
            limit.cancel()
        if process.returncode:
            errors.seek(0)
            raise GitFailed(_name_failure(errors.read(_PART_BYTES)))


def _make_command(folder: Path, words: Sequence[str]) -> list[str]:
    configured = [word for setting in _QUIET for word in ("-c", setting)]
    return ["git", "-C", str(folder), "--no-optional-locks", *configured, *words]


def _make_environment() -> dict[str, str]:
    # Messages are shown, and a patch must not depend on the language.
    return {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}


def _name_failure(said: bytes) -> str:
    lines = said.decode("utf-8", "backslashreplace").strip().splitlines()
    return f"git says: {lines[0]}" if lines else "git says nothing, and fails"
