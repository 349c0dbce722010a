"""Files that one run leaves behind and a later run reads: how runs come to depend on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reproaudit.model.events import Location
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.words import Access

_WRITES = (Access.WRITE, Access.APPEND)

Digest = tuple[int, int]
_UNKNOWN = (0, 0)  # too large to be read, or no regular file


@dataclass(frozen=True, slots=True)
class CarriedFile:
    """A file that a run read as an earlier run had left it.

    `written` is None if no recorded line wrote it: one run found it missing, and a later one did
    not. `content_differed` holds between two runs that read it, or between one that did and one
    that found nothing.
    """

    path: str
    read: Location
    written: Location | None
    content_differed: bool


@dataclass(frozen=True, slots=True)
class _Use:
    """What one process, or one run, did with a file.

    `read` and its content `found` are set only if it had not written the file before.
    """

    shown: str
    read: Location | None = None
    found: Digest = _UNKNOWN
    was_absent: bool = False
    written: Location | None = None


_UsesByPath = dict[str, _Use]


def carried_files(runs: Sequence[Run]) -> list[CarriedFile]:
    """Return the files that carry something from a run to a later one, in the order of reading.

    `runs` are in the order in which they were made. Files are told apart by their absolute paths. A
    run that writes a file before it reads it carries nothing; where two of its processes did so,
    the write is taken to have come first.
    """
    uses = [_find_uses(run) for run in runs]
    found: dict[str, CarriedFile] = {}
    for index, later in enumerate(uses):
        for path, use in later.items():
            if path in found or use.read is None:
                continue
            earlier = _uses_of(path, uses[:index])
            written = _last_write(earlier)
            if written is None and not any(one.was_absent for one in earlier):
                continue
            found[path] = CarriedFile(
                path=use.shown,
                read=use.read,
                written=written,
                content_differed=_has_several_contents(_uses_of(path, uses)),
            )
    return list(found.values())


def _uses_of(path: str, uses: Sequence[_UsesByPath]) -> list[_Use]:
    return [by_path[path] for by_path in uses if path in by_path]


def _last_write(uses: Sequence[_Use]) -> Location | None:
    for use in reversed(uses):
        if use.written is not None:
            return use.written
    return None


def _has_several_contents(uses: Sequence[_Use]) -> bool:
    """Return True if two uses found something else; that nothing was there is a content too."""
    contents: set[Digest | None] = set()
    for use in uses:
        if use.found != _UNKNOWN:
            contents.add(use.found)
        if use.was_absent:
            contents.add(None)
    return len(contents) > 1


def _find_uses(run: Run) -> _UsesByPath:
    """Return what the run did with each file, by absolute path."""
    of_processes: dict[str, list[_Use]] = {}
    for _, trace in run.traces:
        for path, use in _find_uses_in(trace).items():
            of_processes.setdefault(path, []).append(use)
    return {path: _unite(uses) for path, uses in of_processes.items()}


def _unite(uses: list[_Use]) -> _Use:
    """Return what several processes did as one use.

    What one read of a file that another wrote is left out: nobody knows which came first.
    """
    writers = [use for use in uses if use.written is not None]
    if not writers:
        certain = uses
    elif len(writers) == 1:
        certain = writers
    else:
        certain = []
    readers = [use for use in certain if use.read is not None]
    reader = readers[0] if readers else _Use(uses[0].shown)
    return replace(
        reader,
        was_absent=any(use.was_absent for use in uses),
        written=writers[0].written if writers else None,
    )


def _find_uses_in(trace: Trace) -> _UsesByPath:
    uses: _UsesByPath = {}
    for file in trace.files():
        use = uses.setdefault(file.path, _Use(file.shown))
        if use.written is not None:
            continue  # what the process does with its own file carries nothing
        if file.access in _WRITES:
            uses[file.path] = replace(use, written=file.location)
        elif file.access is Access.ABSENT:
            uses[file.path] = replace(use, was_absent=True)
        elif file.access is Access.READ and use.read is None:
            uses[file.path] = replace(use, read=file.location, found=file.content)
    return uses
