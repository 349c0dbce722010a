"""What the program's text says of a difference before anything is tried: that hashes go into it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from reproaudit.comparison.entropy import Strength, has_random_hashes
from reproaudit.config.subject import SubjectSpec
from reproaudit.diagnose.sources import Explanation, add_note
from reproaudit.knowledge.interventions import list_for_clue
from reproaudit.knowledge.traits import Clue
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location
from reproaudit.model.result import Finding
from reproaudit.patches.hash_uses import HashCall, list_hash_lines_behind
from reproaudit.patches.lines_behind import list_nodes_behind
from reproaudit.patches.patch import read_program
from reproaudit.trace.runs import Run

_OF_STRINGS = ("hash",)


def put_first(
    named: tuple[str, ...], explained: Explanation, run: Run, subject: SubjectSpec
) -> tuple[str, ...]:
    """Return the interventions to try, first what answers hashes if they go into the line.

    A clock that is merely asked for somewhere says less than that.
    """
    call = explained.call
    is_open = call is None or call.strength is Strength.CLOCK
    if not explained.is_from_outside or not is_open or not has_random_hashes(run):
        return named
    if not _list_lines(explained, subject):
        return named
    answers = [name for name in list_for_clue(Clue.RANDOM_HASHES) if name in named]
    return (*answers, *(name for name in named if name not in answers))


def name_hash_line(
    finding: Finding, explained: Explanation, subject: SubjectSpec
) -> Finding | None:
    """Return the finding at the only line that takes the order of a set, or a hash, on the way.

    None if there is no such line, or if another could be it.
    """
    if finding.cause is not Cause.HASH_ORDER or explained.arrival is None:
        return None
    lines = _list_lines(explained, subject)
    if len(lines) != 1 or _uses_own_module(explained.arrival, subject):
        return None
    (use,) = lines
    place = replace(explained.arrival, line=use.line, function=use.function)
    if place == finding.location:
        return finding
    taken = "the order of a set" if use.name == "set" else "a hash"
    moved = replace(finding, location=place, op=None)
    return add_note(moved, f"the text of the line takes {taken}")


def _list_lines(explained: Explanation, subject: SubjectSpec) -> tuple[HashCall, ...]:
    program = read_program(subject, explained.arrival)
    if program is None or explained.arrival is None:
        return ()
    return list_hash_lines_behind(program, explained.arrival.line, _OF_STRINGS)


def _uses_own_module(place: Location, subject: SubjectSpec) -> bool:
    """Return True if something of another file of the program goes into the line."""
    program = read_program(subject, place)
    if program is None:
        return True
    own: set[str] = set()
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            own.update(_list_own_names(node, subject))
    behind = list_nodes_behind(program, place.line)
    return any(isinstance(node, ast.Name) and node.id in own for node in behind)


def _list_own_names(node: ast.Import | ast.ImportFrom, subject: SubjectSpec) -> Iterator[str]:
    """Yield the names that an import binds to what lies beside the program."""
    for alias in node.names:
        module = alias.name
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
        path = module.replace(".", "/")
        is_relative = isinstance(node, ast.ImportFrom) and node.level > 0
        files = (f"{path}.py", f"{path}/__init__.py")
        places = [Location(file, 1) for file in files]
        if is_relative or any(read_program(subject, one) is not None for one in places):
            yield alias.asname or alias.name.partition(".")[0]
