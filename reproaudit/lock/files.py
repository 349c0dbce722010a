"""The lock as a file: read with bounds, written whole, brought together after a merge conflict."""

from __future__ import annotations

import os
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from reproaudit.errors import UsageError
from reproaudit.files import Unreadable, read_text
from reproaudit.lock.model import Entry, Lock
from reproaudit.lock.parse import MAX_BYTES, find_conflict, from_text, split_sides
from reproaudit.lock.text import to_text
from reproaudit.report.destinations import Destination

DESTINATION = Destination("the lock", code="lock-write", hint="name another path with --lock")


def load(path: Path) -> Lock:
    """Read a lock. Raises UsageError if there is none, or if it is not all there."""
    return from_text(_read(path), path.name)


def load_to_change(path: Path) -> tuple[Lock, tuple[str, ...]]:
    """Read a lock that is about to be made again; an empty one if there is none.

    Of a merge conflict, both sides are read and united. Also returns a line for each entry of which
    environments were dropped, because the sides hold different digests for them.
    """
    if not os.path.exists(path):  # Path.exists raises OSError for a name that is too long
        return Lock(), ()
    text = _read(path)
    if find_conflict(text.split("\n")) is None:
        return from_text(text, path.name), ()
    our_text, their_text = split_sides(text)
    ours = from_text(our_text, path.name)
    theirs = from_text(their_text, path.name)
    return _unite_locks(ours, theirs)


def save(lock: Lock, path: Path) -> None:
    """Write the lock through a temporary name, so that an interruption leaves the old one."""
    for entry in lock.entries:
        # Only a merge conflict whose sides contradict each other leaves an entry without runs.
        if not entry.runs:
            sides = f"the two sides of the merge conflict in {path.name}"
            raise UsageError(
                f"{sides} hold different digests for {entry.name!r} too",
                code="lock-conflict",
                hint="make all entries again: reproaudit lock",
            )
    DESTINATION.write(path, to_text(lock))


def _read(path: Path) -> str:
    try:
        return read_text(path, MAX_BYTES)
    except FileNotFoundError:
        raise UsageError(
            f"there is no lock {str(path)!r}",
            code="lock-missing",
            hint="make one: reproaudit lock SUBJECT",
        ) from None
    except Unreadable as error:
        raise UsageError(
            f"cannot read {str(path)!r}: {error}",
            code="lock-unreadable",
            hint="name another lock with --lock; one that is too large is made smaller with fewer "
            "steps (--steps) or operators (--ops)",
        ) from None


def _unite_locks(ours: Lock, theirs: Lock) -> tuple[Lock, tuple[str, ...]]:
    """Return all entries of both sides, and a line for each that lost environments."""
    our_entries = {entry.name: entry for entry in ours.entries}
    their_entries = {entry.name: entry for entry in theirs.entries}
    united = {**our_entries, **their_entries}
    dropped = []
    in_both = our_entries.keys() & their_entries.keys()
    for name in sorted(in_both):
        entry, lost = _unite_entries(our_entries[name], their_entries[name])
        united[name] = entry
        if lost:
            dropped.append(f"{name}: {lost}")
    entries = sorted(united.values(), key=attrgetter("name"))
    return Lock(tuple(entries)), tuple(dropped)


def _unite_entries(a: Entry, b: Entry) -> tuple[Entry, str]:
    """Return the entry with the runs of both sides, and what was lost, "" for nothing.

    Runs of one environment that contradict each other are left out.
    """
    if not a.is_run_as(b):
        return replace(a, runs=()), "the sides run it under different settings or steps"
    ours = {run.environment: run for run in a.runs}
    theirs = {run.environment: run for run in b.runs}
    both = {**ours, **theirs}
    runs = []
    for environment in sorted(both):
        run = both[environment]
        if ours.get(environment, run) == theirs.get(environment, run):
            runs.append(run)
    lost = ""
    count = len(both) - len(runs)
    if count:
        lost = f"{count} of {len(both)} environments: the sides hold different digests"
    return replace(a, runs=tuple(runs)), lost
