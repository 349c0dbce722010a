"""Signs that a program could differ although few runs of it were equal."""

from __future__ import annotations

from reproaudit.compare.entropy import Strength, differing_calls
from reproaudit.compare.interning import Interned
from reproaudit.config.subject import SubjectSpec
from reproaudit.diagnose.line_edits import edit_everywhere
from reproaudit.diagnose.patch import read_program
from reproaudit.knowledge.traits import SortIterated
from reproaudit.model.events import Location
from reproaudit.trace.runs import Run

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
    if _iterates_sets(subject):
        return "it iterates over sets"
    return ""


def _iterates_sets(subject: SubjectSpec) -> bool:
    """Return True if the text of the program itself shows it."""
    if not subject.path:
        return False
    program = read_program(subject, Location(subject.file.name, 1))
    return program is not None and bool(edit_everywhere(program, (SortIterated(),)))
