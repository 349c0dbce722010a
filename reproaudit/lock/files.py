"""The lock as a file: read with bounds, written all or not at all, brought together after a merge
conflict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reproaudit.errors import UsageError
from reproaudit.files import write_whole
from reproaudit.lock.model import Entry, Lock
from reproaudit.lock.parse import MAX_BYTES, find_conflict, from_text, split_sides
from reproaudit.lock.text import to_text


def load(path: Path) -> Lock:
    """Read a lock. Raises UsageError if there is none, or if it is not all there."""
    return from_text(_read(path), path.name)


def load_to_change(path: Path) -> tuple[Lock, tuple[str, ...]]:
    """Read a lock that is about to be made again, an empty one if there is none; of a merge
    conflict, both sides.

    Also returns a line for each environment that was dropped because the sides hold different
    digests for it.
    """
    if not path.exists():
        return Lock(), ()
    text = _read(path)
    if find_conflict(text.split("\n")) is None:
        return from_text(text, path.name), ()
    ours, theirs = (from_text(side, path.name) for side in split_sides(text))
    names = sorted({entry.name for entry in (*ours.entries, *theirs.entries)})
    dropped: list[str] = []
    return Lock(tuple(_united(name, ours, theirs, dropped) for name in names)), tuple(dropped)


def save(lock: Lock, path: Path) -> None:
    """Write the lock through a temporary name, so that an interruption leaves the old one."""
    empty = next((entry for entry in lock.entries if not entry.runs), None)
    if empty is not None:
        raise UsageError(
            f"the two sides of the merge conflict in {path.name} hold different digests "
            f"for {empty.name!r} too",
            code="lock-conflict",
            hint="make all entries again: reproaudit lock",
        )
    try:
        write_whole(path, to_text(lock).encode("utf-8"))
    except OSError as error:
        raise UsageError(
            f"cannot write {str(path)!r}: {error.strerror}",
            code="lock-write",
            hint="name another path with --lock",
        ) from None


def _read(path: Path) -> str:
    try:
        with open(path, encoding="utf-8", errors="strict") as file:
            text = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(
            f"there is no lock {str(path)!r}",
            code="lock-missing",
            hint="make one: reproaudit lock SUBJECT",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(
            f"cannot read {str(path)!r}: {why}",
            code="lock-unreadable",
            hint="name another lock with --lock",
        ) from None
    if len(text) > MAX_BYTES:
        raise UsageError(
            f"{path.name} is larger than {MAX_BYTES >> 20} MiB",
            code="lock-unreadable",
            hint="lock fewer steps (--steps) or operators (--ops)",
        )
    return text


def _united(name: str, ours: Lock, theirs: Lock, dropped: list[str]) -> Entry:
    """Return the entry with the runs of both sides, without those that contradict each other."""
    a, b = (
        next((entry for entry in lock.entries if entry.name == name), None)
        for lock in (ours, theirs)
    )
    if a is None or b is None:
        found = a or b
        assert found is not None
        return found
    if not a.is_run_as(b):
        dropped.append(f"{name}: the sides run it under different settings or steps")
        return replace(a, runs=())
    mine, other = ({run.environment: run for run in entry.runs} for entry in (a, b))
    both = {**mine, **other}
    runs = tuple(
        both[environment]
        for environment in sorted(both)
        if mine.get(environment, both[environment]) == other.get(environment, both[environment])
    )
    if len(runs) < len(both):
        dropped.append(
            f"{name}: {len(both) - len(runs)} of {len(both)} environments: "
            "the sides hold different digests"
        )
    return replace(a, runs=runs)
