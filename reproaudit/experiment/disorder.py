"""Signs that a program could differ although few runs of it were equal."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from reproaudit.comparison.entropy import Strength, differing_calls
from reproaudit.comparison.interning import Interned
from reproaudit.config.subject import SubjectSpec
from reproaudit.knowledge.traits import SortIterated
from reproaudit.model.events import Location
from reproaudit.patches.first_draw import read_names
from reproaudit.patches.line_edits import edit_everywhere
from reproaudit.patches.patch import read_program
from reproaudit.patches.program_text import ProgramText
from reproaudit.trace.runs import Run

# The last names of such calls. The order of arrival may be alike in many runs.
_UNORDERED = frozenset(
    {
        "SystemRandom",
        "as_completed",
        "imap_unordered",
        "token_bytes",
        "token_hex",
        "urandom",
        "uuid1",
        "uuid4",
    }
)
# What the name of a call of `wait` begins with that waits for tasks, and not for a thread.
_WAITING = ("asyncio", "concurrent", "futures", "wait")
_LEAST_S = 60.0  # for further runs in any case: runs of short programs cost little


def limit_further_s(spent_s: float) -> float:
    """Return how long further runs may take, after so many seconds of runs that were equal."""
    return max(spent_s, _LEAST_S)


def find_disorder(a: Run, b: Run, subject: SubjectSpec, interned: Interned) -> str:
    """Return what has no order, or is new, in each of two equal runs; "" if nothing was seen.

    Clocks, process ids and temporary names are no sign: nearly every program looks at them.
    """
    for call in differing_calls(a, b, interned):
        if call.strength is not Strength.CLOCK:
            return f"{call.name} was called"
    for _, trace in a.traces:
        if len(trace.threads) > 1:
            return "it starts threads"
    for program in _read_own_files(subject):
        if edit_everywhere(program, (SortIterated(),)):
            return "it iterates over sets"
        unordered = _find_unordered_call(program)
        if unordered:
            return f"it calls {unordered}"
    return ""


def _read_own_files(subject: SubjectSpec) -> Iterator[ProgramText]:
    """Yield the program itself, and the modules beside it that it imports by name."""
    if not subject.path:
        return
    main = read_program(subject, Location(subject.file.name, 1))
    if main is None:
        return
    yield main
    for module in dict.fromkeys(_list_imported(main)):
        path = module.replace(".", "/")
        imported = read_program(subject, Location(f"{path}.py", 1))
        if imported is not None:
            yield imported


def _list_imported(program: ProgramText) -> Iterator[str]:
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _find_unordered_call(program: ProgramText) -> str:
    """Return a call as it is written that gives something new, or in a new order; "" for none.

    Calls are recorded only once runs were seen to differ, so that the text is all there is.
    """
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Call):
            continue
        first, last = read_names(node.func)
        is_wait = last == "wait" and first in _WAITING
        if last in _UNORDERED or is_wait:
            return ast.unparse(node.func)
    return ""
