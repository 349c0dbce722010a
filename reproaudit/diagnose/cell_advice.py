"""What to write by hand into the cells of a notebook: its file is no text that people edit."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from reproaudit.config.subject import SubjectSpec
from reproaudit.diagnose.advice import advise
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.traits import Intervention
from reproaudit.model.events import Location
from reproaudit.model.result import Finding
from reproaudit.patches.line_edits import edit_line
from reproaudit.patches.patch import choose_patch_lines, read_line, read_program, seeds_libraries
from reproaudit.patches.program_text import split_lines


def advise_in_cells(
    finding: Finding, names: Sequence[str], subject: SubjectSpec, *, refuses: bool
) -> tuple[str, ...]:
    """Return the lines to write in place of the interventions, below the cell that they belong to.

    `refuses`: some operator of the program raises under the determinism flag.
    """
    line = read_line(subject, finding.location)
    first: list[str] = []
    lines: list[str] = []
    for name in names:
        entry = INTERVENTIONS[name]
        asks_library = finding.below is not None and seeds_libraries(name)
        changed: list[str] = []
        if not asks_library:
            changed = list(_change_line(entry, subject, finding.location))
        if changed:
            lines += changed
        elif entry.at_start and not asks_library:
            first += choose_patch_lines(entry, refuses=refuses)
        else:
            lines += advise(finding, [name], line, refuses=refuses)
    if first:
        first.insert(0, f"# at the start of {subject.path}, cell 1:")
    return tuple(dict.fromkeys((*first, *lines)))


def _change_line(
    entry: Intervention, subject: SubjectSpec, location: Location | None
) -> Iterator[str]:
    """Yield the lines of the cell that the intervention edits, as they become."""
    program = read_program(subject, location)
    if program is None or location is None or not location.cell:
        return
    edits = edit_line(program, entry.edits, location.line)
    before = split_lines(program.text)
    after = split_lines(program.apply(edits))
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, start, _, new, end in matcher.get_opcodes():
        if kind in ("replace", "insert"):
            place = Location(subject.path, start + 1, cell=location.cell)
            yield f"# {place}:"
            yield from (text.rstrip("\r\n") for text in after[new:end])
