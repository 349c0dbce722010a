"""The identity of the program's code: its own files that took part, with digests of their bytes."""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from reproaudit.config.notebook import SUFFIX, read_notebook
from reproaudit.config.settings import Pairs
from reproaudit.config.subject import SubjectSpec
from reproaudit.errors import UsageError
from reproaudit.files import Unreadable, read_bytes, read_text
from reproaudit.model.events import Location

_MOST_FILES = 5000
_MOST_BYTES = 16 << 20  # of one of them
_DIGITS = 16  # of a digest
_LINE_DIGITS = 8


def find_code_files(subject: SubjectSpec, shown: Iterable[str]) -> Pairs:
    """Return (path, 64-bit digest) of the files that are the program's own code.

    They are the subject's file, those that `shown` names, and what these import. `shown` are paths
    as traces show them: relative to the subject's folder. Imports are read from the source, not
    followed at run time: a file that is imported under a computed name and calls no operator is not
    found. What is installed, and what lies outside of the subject's folder and the working
    directory, is left out.
    """
    folder = Path(os.path.realpath(subject.folder))
    working = Path(os.path.realpath(subject.cwd))
    roots = tuple(dict.fromkeys((folder, working)))
    waiting = list(_list_subject_files(subject, roots))
    waiting += (folder / path for path in shown if is_own(path))
    found = {}
    seen: set[Path] = set()
    while waiting and len(seen) < _MOST_FILES:
        path = Path(os.path.realpath(waiting.pop()))
        if path in seen:
            continue
        if not _is_code(path, roots):
            continue
        seen.add(path)
        try:
            content, python = _read_code(path)
        # Made by the program and gone since, or a name that only looks like a file.
        except (FileNotFoundError, Unreadable, UsageError):
            continue
        name = Path(os.path.relpath(path, folder)).as_posix()
        digest = hashlib.sha256(content).hexdigest()
        found[name] = digest[:_DIGITS]
        waiting += _find_imports(path, python, roots)
    return tuple(sorted(found.items()))


def _read_code(path: Path) -> tuple[bytes, bytes]:
    """Return what is run of a file, and what is Python of that.

    What the cells of a notebook have shown is no part of it.
    """
    if path.suffix != SUFFIX:
        content = read_bytes(path, _MOST_BYTES)
        return content, content
    cells = read_notebook(path).cells
    text = "\n".join(cell.source for cell in cells)
    return text.encode(), "\n".join(cell.as_python() for cell in cells).encode()


class SourceLines:
    """What stands in the lines of the program's own files, as digests that ignore its place."""

    def __init__(self, subject: SubjectSpec) -> None:
        self._folder = subject.folder
        self._lines: dict[tuple[str, int], list[str]] = {}

    def digest(self, place: Location) -> str:
        """Return 8 hexadecimal digits; "" for files of others, and lines that cannot be read."""
        if not is_own(place.path):
            return ""
        key = (place.path, place.cell)
        if key not in self._lines:
            self._lines[key] = self._read(place)
        lines = self._lines[key]
        if not 0 < place.line <= len(lines):
            return ""
        text = lines[place.line - 1].strip()
        return hashlib.sha256(text.encode()).hexdigest()[:_LINE_DIGITS]

    def _read(self, place: Location) -> list[str]:
        file = self._folder / place.path
        try:
            if not place.cell:
                return read_text(file, _MOST_BYTES).split("\n")
            cells = read_notebook(file).cells
            return cells[place.cell - 1].source.split("\n") if place.cell <= len(cells) else []
        except (FileNotFoundError, Unreadable, UsageError):
            return []


def is_own(path: str) -> bool:
    """Return True if a trace shows the path relative to the subject's folder, as its own code."""
    if not path or os.path.isabs(path):
        return False
    return not path.startswith(("site-packages/", "<"))


def _is_code(path: Path, roots: Iterable[Path]) -> bool:
    if path.suffix not in (".py", SUFFIX):
        return False
    return any(path.is_relative_to(root) for root in roots)


def _list_subject_files(subject: SubjectSpec, roots: Iterable[Path]) -> Iterator[Path]:
    if subject.path:
        yield subject.file
    else:
        yield from _list_module_files(subject.module, roots)


def _list_module_files(name: str, roots: Iterable[Path]) -> Iterator[Path]:
    """Yield the files that importing a dotted name may run.

    These are the packages on the way, and the module.
    """
    for root in roots:
        base = root
        for part in name.split("."):
            base = base / part
            package = base / "__init__.py"
            if package.is_file():
                yield package
            module = base.with_suffix(".py")
            if module.is_file():
                yield module


def _find_imports(path: Path, content: bytes, roots: tuple[Path, ...]) -> Iterator[Path]:
    try:
        tree = ast.parse(content)
    # It ran under another Python, or is no program at all.
    except (SyntaxError, ValueError, RecursionError):
        return
    # A script finds its neighbours too, wherever it lies.
    folders = (*roots, path.parent)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _list_module_files(alias.name, folders)
        elif isinstance(node, ast.ImportFrom):
            yield from _find_from_imports(node, path, folders)


def _find_from_imports(node: ast.ImportFrom, path: Path, folders: Iterable[Path]) -> Iterator[Path]:
    if node.level:
        # One dot is the package that the file lies in, each further dot the one around it.
        level = min(node.level, len(path.parents))
        folders = (path.parents[level - 1],)
    for alias in node.names:
        # What is imported from a package may be a module of its own.
        name = alias.name
        if node.module:
            name = f"{node.module}.{name}"
        yield from _list_module_files(name, folders)
