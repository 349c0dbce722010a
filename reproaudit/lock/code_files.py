"""The identity of the program's code: which of its own files took part, and the digests of their
bytes."""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from reproaudit.config.subject import SubjectSpec
from reproaudit.lock.model import Pairs

_MOST_FILES = 5000


def code_files(subject: SubjectSpec, shown: Iterable[str]) -> Pairs:
    """Return (path, 64-bit digest) of the subject's file, of those that `shown` names, and of what
    these import.

    `shown` are paths as traces show them: relative to the subject's folder. Imports are read from
    the source, not followed at run time: a file that is imported under a computed name and calls no
    operator is not found. What is installed, and what lies outside of the subject's folder and the
    working directory, is left out.
    """
    folder = own_folder(subject)
    roots = tuple(dict.fromkeys((folder, Path(os.path.realpath(subject.cwd)))))
    waiting = [*_subject_files(subject, roots), *(folder / path for path in shown if is_own(path))]
    found: dict[str, str] = {}
    seen: set[Path] = set()
    while waiting and len(seen) < _MOST_FILES:
        path = Path(os.path.realpath(waiting.pop()))
        if (
            path in seen
            or path.suffix != ".py"
            or not any(path.is_relative_to(root) for root in roots)
        ):
            continue
        seen.add(path)
        try:
            content = path.read_bytes()
        except OSError:  # made by the program and gone since, or a name that only looks like a file
            continue
        found[Path(os.path.relpath(path, folder)).as_posix()] = hashlib.sha256(content).hexdigest()[
            :16
        ]
        waiting += _imported(path, content, roots)
    return tuple(sorted(found.items()))


def is_own(path: str) -> bool:
    """Return True if a trace shows the path relative to the subject's folder, as its own code."""
    return bool(path) and not os.path.isabs(path) and not path.startswith(("site-packages/", "<"))


def own_folder(subject: SubjectSpec) -> Path:
    """Return the folder that paths of the subject's traces are relative to."""
    return Path(os.path.realpath(subject.folder))


def _subject_files(subject: SubjectSpec, roots: tuple[Path, ...]) -> Iterator[Path]:
    if subject.path:
        yield subject.file
    else:
        yield from _module_files(subject.module.split("."), roots)


def _module_files(parts: list[str], roots: Iterable[Path]) -> Iterator[Path]:
    """Yield the files that importing a dotted name may run: the packages on the way, and the
    module."""
    for root in roots:
        for depth in range(1, len(parts) + 1):
            base = root.joinpath(*parts[:depth])
            yield from (
                path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()
            )


def _imported(path: Path, content: bytes, roots: tuple[Path, ...]) -> Iterator[Path]:
    try:
        tree = ast.parse(content)
    except (
        SyntaxError,
        ValueError,
        RecursionError,
    ):  # ran under another Python, or is no program at all
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module_files(alias.name.split("."), (*roots, path.parent))
        elif isinstance(node, ast.ImportFrom):
            bases: tuple[Path, ...] = (*roots, path.parent)
            if node.level:
                bases = (path.parents[min(node.level, len(path.parents)) - 1],)
            parts = node.module.split(".") if node.module else []
            for alias in node.names:
                yield from _module_files([*parts, alias.name], bases)
