"""Seeds that are made by hash() or id(): where, and what to do about it."""

from __future__ import annotations

import ast
from dataclasses import replace

from reproaudit.config.subject import SubjectSpec
from reproaudit.diagnose.patch import read_program
from reproaudit.diagnose.program_text import ProgramText
from reproaudit.diagnose.sources import add_note
from reproaudit.model.events import Location
from reproaudit.model.result import Cause, Finding
from reproaudit.trace.words import SEEDINGS

_BUILTINS = ("hash", "id")
_ADVICE = (
    "make the seed of a number, or of a checksum of a text (zlib.crc32, hashlib): hash() of a "
    "string and id() are others in each process"
)


def name_hash(finding: Finding, subject: SubjectSpec) -> Finding:
    """Return the finding at the line that calls hash() or id() to make a seed that differs.

    Where the program does so at several lines, the line that is given the seed stands.
    """
    if finding.cause is not Cause.HASH_ORDER or not finding.call.startswith(SEEDINGS):
        return finding
    if finding.fix is not None:
        finding = replace(finding, fix=replace(finding.fix, advice=_ADVICE))
    program = read_program(subject, finding.location)
    if program is None or finding.location is None:
        return finding
    for nodes in program.group_nodes(finding.location.line):
        if any(_calls_builtin(node) for node in nodes):
            return finding
    places = _find_places(program, finding.location.path)
    if len(places) != 1:
        return finding
    (place,) = places
    seeded = f"{finding.call} is given the seed at {finding.location}"
    return add_note(replace(finding, location=place), seeded)


def _find_places(program: ProgramText, path: str) -> list[Location]:
    """Return the lines that call hash() or id(), each with the function that it stands in."""
    places: list[Location] = []
    waiting: list[tuple[ast.AST, str]] = [(program.tree, "<module>")]
    while waiting:
        node, function = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            function = node.name
        if isinstance(node, ast.Call) and _calls_builtin(node):
            places.append(Location(path, node.lineno, function))
        for child in ast.iter_child_nodes(node):
            waiting.append((child, function))
    return places


def _calls_builtin(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    return node.func.id in _BUILTINS
