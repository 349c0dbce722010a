"""What runs under a proven fix show of a finding: the exact line, and reads of undefined memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.entropy import weak_lines
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.lines import (
    LineDifference,
    differing_allocations,
    differing_lines,
    find_allocation,
    first_entry,
)
from reproaudit.diagnose.array_writers import ArrayWriters
from reproaudit.diagnose.attribute import lacks_exact_line
from reproaudit.diagnose.compiled import CompiledRegions
from reproaudit.diagnose.locate import Locator
from reproaudit.diagnose.pinning import FoundSource
from reproaudit.diagnose.source_calls import RunPair, SourcePlace, read_place
from reproaudit.diagnose.sources import add_note
from reproaudit.diagnose.text_evidence import name_hash_line
from reproaudit.knowledge.fills import OTHER_FILL, ZERO_FILL, name_fill
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, Location, ProgramWarning
from reproaudit.model.result import Finding
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import MAIN_PROCESS, Run, find_home
from reproaudit.trace.words import RETURN, STREAM_PREFIX

# Names that a habit gives: they tell nothing of what differs.
_EMPTY_NAMES = frozenset({"self", "cls", "_"})


class Refiner:
    """Makes the runs that only a known fix allows. `fix` is empty if none was found."""

    def __init__(
        self,
        lab: RunMaker,
        locator: Locator,
        fix: tuple[str, ...],
        *,
        interned: Interned,
    ) -> None:
        self._lab = lab
        self._locator = locator
        self._fix = fix
        self._interned = interned

    def refine(
        self, found: Sequence[tuple[Finding, FoundSource | None]], *, compiles: bool
    ) -> list[Finding]:
        """Add what runs under the fix show: reads of undefined memory, and the exact line."""
        regions = CompiledRegions(self._lab)
        writers = ArrayWriters(self._lab)
        refined: list[Finding] = []
        inexact: list[int] = []
        for number, (finding, known) in enumerate(found):
            placed = regions.place(finding, known) if compiles else None
            placed = placed or writers.place(finding, known)
            if placed is None and known is not None and lacks_exact_line(known, finding):
                placed = self._name_hash_line(finding, known)
            if placed is None and known is not None and lacks_exact_line(known, finding):
                inexact.append(number)
            refined.append(self.add_fill_evidence(placed or finding))
        if not inexact:
            return refined
        # One pair of runs for all of them: following lines is slow.
        pair = self.run_with_lines()
        if pair is None:
            return refined
        for number in inexact:
            _, known = found[number]
            is_mixed = known is not None and known.explained.source.mixed_by is not None
            refined[number] = add_line(refined[number], pair, self._interned, is_mixed=is_mixed)
        return refined

    def _name_hash_line(self, finding: Finding, known: FoundSource) -> Finding | None:
        """Return the finding at the line that the text names, if it names one."""
        placed = name_hash_line(finding, known.explained, self._lab.subject)
        if placed is None or placed.location is None or placed.location == finding.location:
            return placed
        return replace(placed, op=find_draw_at(known.pair.a, placed.location))

    def run_with_lines(self) -> RunPair | None:
        """Return two runs whose lines were followed and that differ.

        At first by what the fix repairs and by little else, then as they are.
        """
        # Not the order of threads or workers: that would change what the program does line by line.
        still: list[str] = []
        for name, entry in INTERVENTIONS.items():
            if entry.holds_still and name not in self._fix:
                still.append(name)
        pair = self._locator.find_changed_pair(tuple(still), lines=True)
        if pair is not None:
            return pair
        return self._locator.find_changed_pair((), lines=True)

    def warn_of_unchanged(
        self, left_out: Sequence[tuple[Finding, SourcePlace]]
    ) -> list[ProgramWarning]:
        """Return a warning for each finding whose place differs also between runs under the fix."""
        pair = self._locator.make_changed_pair(self._fix)
        left = {read_place(source, pair) for source in pair.localisation.sources}
        warnings: list[ProgramWarning] = []
        for finding, place in left_out:
            if place not in left:
                continue
            what = finding.op or "content from outside PyTorch"
            message = (
                f"{what} at {finding.location} differs between runs, without consequence: "
                "with the fix it differs as well, and runs are equal"
            )
            warnings.append(ProgramWarning(message, location=finding.location))
        return warnings

    def add_fill_evidence(self, finding: Finding) -> Finding:
        """Say whether the results follow what new memory is filled with.

        If they do, undefined memory is read. It takes two runs with different patterns.
        """
        if finding.cause is not Cause.UNINITIALIZED_MEMORY or not self._fix:
            return finding
        runs: list[Run] = []
        for number, value in enumerate((ZERO_FILL, OTHER_FILL)):
            request = RunRequest(
                name=f"fill-{number}",
                index=number,
                what=f"filling new memory, pattern {number + 1}",
                interventions=self._fix,
                variables=name_fill(value),
                values_mb=0,
            )
            runs.append(self._lab.run(request))
        comparison = compare_boundaries(runs, self._interned)
        differs = len(comparison.classes) > 1
        said = "the results follow" if differs else "the results do not depend on"
        pattern = f"0x{int(OTHER_FILL):x}"
        note = f"{said} what new memory is filled with (zeros, and {pattern})"
        return add_note(finding, note)


def add_line(
    finding: Finding, pair: RunPair, interned: Interned, *, is_mixed: bool = False
) -> Finding:
    """Name the line whose Python value differs first in two runs whose lines were followed.

    Of undefined memory, the line that allocated it. `is_mixed`: equal ops came in another order,
    and the op that depends on it is to blame, wherever they were put in order.
    """
    differences = differing_lines(*pair.runs, interned)
    sources = pair.localisation.sources
    process = find_home(sources[0].process) if sources else MAIN_PROCESS
    orders = [source.order for source in sources if source.process == process]
    # What a line gives after the first op differs may follow from that op.
    before = min(orders, default=float("inf"))
    # Lines that ask for a clock differ in every pair of runs, and mostly to no effect.
    weak = weak_lines(pair.a.trace_of(process))
    entry = first_entry(differences, before, weak, process)
    if finding.cause is Cause.UNINITIALIZED_MEMORY:
        allocations = differing_allocations(*pair.runs, interned)
        if entry is not None and not entry.is_carried:
            # Made of equal values: what was allocated earlier went into it.
            before = entry.event
        allocation = find_allocation(allocations, before, process)
        if allocation is not None:
            note = "what the memory that is allocated there holds differs"
            noted = add_note(finding, note)
            return replace(noted, location=allocation.location, op=None)
    if entry is None:
        return finding
    note = _word_entry(entry)
    op = finding.op
    if entry.location != finding.location and not is_mixed:
        # The finding's op ran elsewhere, and is not to blame for this line.
        op = find_draw_at(pair.a, entry.location)
    noted = add_note(finding, note)
    return replace(noted, location=entry.location, op=op)


def _word_entry(entry: LineDifference) -> str:
    """Say what differs first at the line. A name that tells nothing is left out."""
    if not entry.name:
        return "the runs part there"
    if entry.name.startswith(STREAM_PREFIX):
        stream = entry.name.removeprefix(STREAM_PREFIX)
        return f"the random stream of {stream} is the first thing that differs, there"
    if entry.name == RETURN:
        return "what is returned there is the first Python value that differs"
    if entry.name in _EMPTY_NAMES:
        return "the first Python value that differs is made there"
    said = f"the first Python value that differs is {entry.name!r} at {entry.location.place}"
    first, second = entry.values
    if first and second and first != second:
        said += f": {first} in one run, {second} in another"
    return said


def find_draw_at(run: Run, place: Location) -> str | None:
    """Return the first op that draws at this line: it draws for something else in each run.

    None if no op is to blame. A comprehension is a function of its own: the line decides.
    """
    for op in run.main.operations(EventFlag.RANDOM):
        at = op.location
        if (at.path, at.line, at.cell) == (place.path, place.line, place.cell):
            return op.shown_name
    return None
