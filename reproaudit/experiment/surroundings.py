"""What is done around the run of a variation, where settings alone do not make it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from reproaudit.config.launcher import replace_world
from reproaudit.config.subject import SubjectSpec
from reproaudit.knowledge.variation import Around
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.knowledge.wanted import Wanted
from reproaudit.runs.neighbours import keep_cores_busy


@contextlib.contextmanager
def surround(wanted: Wanted) -> Iterator[None]:
    """Have beside the run what the variation needs there."""
    if _find_surroundings(wanted) is not Around.NEIGHBOURS:
        yield
        return
    with keep_cores_busy():
        yield


def change_command(wanted: Wanted, subject: SubjectSpec) -> SubjectSpec | None:
    """Return the subject with the command that the variation needs; None: it needs no other."""
    if _find_surroundings(wanted) is not Around.COMMAND:
        return None
    return replace(subject, argv=replace_world(subject.argv, int(wanted.value)))


def _find_surroundings(wanted: Wanted) -> Around:
    entry = VARIATIONS.get(wanted.name)
    return Around.NOTHING if entry is None else entry.around
