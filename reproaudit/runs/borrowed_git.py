"""git's own files in a copy of a repository: all that names commits, and a link to their contents.

Programs ask for the commit they run at, and look for `.git` to find the top of their project. What
they write there, a commit or an index, must not reach the user's repository.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

# Contents, which are written once under a name that tells them and never changed.
_OBJECTS = "objects"
# Contents too, of extensions and submodules. They may be large.
_LINKED = frozenset({"lfs", "annex", "modules"})
_LEFT_OUT = frozenset({"worktrees", "hooks"})
_MOST_FILES = 5000  # branches and tags of a very large repository have a file each
_WORKTREE = re.compile(r"^\s*worktree\s*=.*\n?", re.MULTILINE)


def borrow_git(source: Path, target: Path) -> None:
    """Make at `target` what `.git` is at `source`: a folder, or a file that names one elsewhere.

    Where that is not possible it names the same one.
    """
    private = Path(os.path.realpath(_find_folder(source)))
    common = _find_common(private)
    try:
        _require_bearable(common)
        target.mkdir()
        _copy_names(common, target)
        if private != common:
            _copy_names(private, target)
            for name in ("commondir", "gitdir"):
                (target / name).unlink(missing_ok=True)
        _forget_worktree(target / "config")
    except OSError:
        shutil.rmtree(target, ignore_errors=True)
        target.write_text(f"gitdir: {private}\n", encoding="utf-8")


def _find_folder(source: Path) -> Path:
    if source.is_dir():
        return source
    try:
        text = source.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return source
    return source.parent / text.removeprefix("gitdir:").strip()


def _find_common(private: Path) -> Path:
    """Return the folder that several working trees share; a tree beside it has few files."""
    try:
        shared = (private / "commondir").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return private
    return Path(os.path.realpath(private / shared))


def _require_bearable(folder: Path) -> None:
    count = 0
    for root, folders, files in os.walk(folder):
        if root == str(folder):
            folders[:] = [name for name in folders if not _is_elsewhere(name)]
        count += len(files)
        if count > _MOST_FILES:
            raise OSError("too many files")


def _is_elsewhere(name: str) -> bool:
    return name == _OBJECTS or name in _LINKED or name in _LEFT_OUT


def _copy_names(source: Path, target: Path) -> None:
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        copy = target / entry.name
        if entry.name == _OBJECTS:
            _borrow_objects(Path(entry.path), copy)
        elif entry.name in _LINKED:
            copy.symlink_to(entry.path)
        elif entry.is_dir(follow_symlinks=False) and entry.name not in _LEFT_OUT:
            shutil.copytree(entry.path, copy, symlinks=True, dirs_exist_ok=True)
        elif entry.is_file() and not entry.name.endswith(".lock"):
            shutil.copy2(entry.path, copy)


def _borrow_objects(source: Path, target: Path) -> None:
    (target / "pack").mkdir(parents=True)
    (target / "info").mkdir()
    (target / "info" / "alternates").write_text(f"{source}\n", encoding="utf-8")


def _forget_worktree(config: Path) -> None:
    """Leave out where the files of a submodule lie: here they lie beside `.git`."""
    text = config.read_text(encoding="utf-8", errors="surrogateescape")
    config.write_text(_WORKTREE.sub("", text), encoding="utf-8", errors="surrogateescape")
