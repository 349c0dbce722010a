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
    not.
    """

    path: str
    read: Location
    written: Location | None
    content_differed: (
        bool  # between two runs that read it, or between one that did and one that found nothing
    )


@dataclass(frozen=True, slots=True)
class _Use:
    """What one process, or one run, did with a file: `read` and its content `found` only if it had
    not written it."""

    shown: str
    read: Location | None = None
    found: Digest = _UNKNOWN
    was_absent: bool = False
    written: Location | None = None


def carried_files(runs: Sequence[Run]) -> list[CarriedFile]:
    """Return the files that carry something from a run to a later one, by absolute path, in the
    order of reading.

    `runs` are in the order in which they were made. A run that writes a file before it reads it
    carries nothing; where two of its processes did so, the write is taken to have come first.
    """
    uses = [_uses(run) for run in runs]
    found: dict[str, CarriedFile] = {}
    for index, later in enumerate(uses):
        for path, use in later.items():
            if path in found or use.read is None:
                continue
            earlier = [one[path] for one in uses[:index] if path in one]
            written = next(
                (one.written for one in reversed(earlier) if one.written is not None), None
            )
            if written is not None or any(one.was_absent for one in earlier):
                found[path] = CarriedFile(
                    use.shown, use.read, written, _content_differed(uses, path)
                )
    return list(found.values())


def _content_differed(uses: list[dict[str, _Use]], path: str) -> bool:
    used = [one[path] for one in uses if path in one]
    contents: set[Digest | None] = {use.found for use in used if use.found != _UNKNOWN}
    return len(contents | {None for use in used if use.was_absent}) > 1


def _uses(run: Run) -> dict[str, _Use]:
    """Return what the run did with each file, by absolute path."""
    parts: dict[str, list[_Use]] = {}
    for _, trace in run.traces:
        for path, use in _uses_in(trace).items():
            parts.setdefault(path, []).append(use)
    return {path: _united(uses) for path, uses in parts.items()}


def _united(uses: list[_Use]) -> _Use:
    """Unite what several processes did. What one read of a file that another wrote is left out:
    which came first?"""
    writers = [use for use in uses if use.written is not None]
    certain = uses if not writers else writers if len(writers) == 1 else []
    reader = next((use for use in certain if use.read is not None), _Use(uses[0].shown))
    was_absent = any(use.was_absent for use in uses)
    return replace(reader, was_absent=was_absent, written=writers[0].written if writers else None)


def _uses_in(trace: Trace) -> dict[str, _Use]:
    uses: dict[str, _Use] = {}
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
