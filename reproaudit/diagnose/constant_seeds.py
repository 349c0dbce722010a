"""Says of a constant seed in a line that runs several times that each time draws the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reproaudit.config.subject import SubjectSpec
from reproaudit.diagnose.patching import ASK_FOR_SEED
from reproaudit.diagnose.pinning import FoundSource
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.library_seeds import find_library_seed
from reproaudit.knowledge.traits import FixSeed, Intervention, LineEdit, Part, RenameCalls
from reproaudit.model.events import EventKind
from reproaudit.model.result import Finding
from reproaudit.patches.line_edits import edit_line
from reproaudit.patches.loops import is_in_loop
from reproaudit.patches.patch import read_program, seeds_libraries

_SEEDS = (Part.SEEDS, Part.ENTROPY, Part.CLOCK, Part.ADDRESSES)
_AGAIN = (
    "the line runs several times, and with a constant seed in it each time draws the same numbers: "
    "make the generator, or seed it, once and outside"
)


def count_calls(known: FoundSource | None) -> int:
    """Return how often the call that is to blame was made at its line; 0 if there is none."""
    call = known.explained.call if known is not None else None
    if known is None or call is None:
        return 0
    columns = known.pair.a.trace_of(call.process).columns
    name = columns.name[call.event]
    is_same = columns.are(EventKind.ENTROPY) & (columns.name == name)
    return int((is_same & (columns.location == call.location)).sum())


def warn_of_repetition(finding: Finding, subject: SubjectSpec, made: int) -> Finding:
    """Return the finding with what a constant seed at its line does, if the line runs again.

    That is if its call was `made` several times, or stands in a loop.
    """
    fix = finding.fix
    if fix is None:
        return finding
    for name in fix.settings:
        entry = INTERVENTIONS[name]
        is_seed = entry.acts_on in _SEEDS
        if is_seed and _is_repeated(finding, entry, subject, made):
            advice = f"{fix.advice}; {_AGAIN}" if fix.advice else _AGAIN
            return replace(finding, fix=replace(fix, advice=advice))
    return finding


def _is_repeated(finding: Finding, entry: Intervention, subject: SubjectSpec, made: int) -> bool:
    below = finding.below
    if below is not None and seeds_libraries(entry.id):
        # Otherwise a global stream is drawn from, or all of a library is seeded at the start.
        is_given_seed = bool(below.seeded) and finding.call.startswith(ASK_FOR_SEED)
        return made > 1 and is_given_seed and find_library_seed(below.function) is None
    program = read_program(subject, finding.location)
    if program is None or finding.location is None:
        return False
    edits = edit_line(program, list(_list_constants(entry)), finding.location.line)
    if edits:
        return made > 1 or any(is_in_loop(program, edit.start) for edit in edits)
    # Without a place to edit the user is to write it at this line.
    return made > 1 and entry.acts_on is Part.SEEDS and not entry.at_start


def _list_constants(entry: Intervention) -> Iterator[LineEdit]:
    """Yield the edits of a line that put a constant seed into it."""
    for edit in entry.edits:
        if isinstance(edit, FixSeed) or (isinstance(edit, RenameCalls) and edit.arguments):
            yield edit
