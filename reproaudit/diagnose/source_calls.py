"""The calls that a source of two runs is: as a plan asks for them, and as another pair has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from reproaudit.comparison.aligned_ops import align_around_sources
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import Localisation, Origin, Source
from reproaudit.config.plan import Pin, Target
from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.trace.runs import Run


@dataclass(frozen=True, slots=True)
class RunPair:
    """Two recorded runs that differ, and where."""

    a: Run
    b: Run
    localisation: Localisation

    @property
    def runs(self) -> tuple[Run, Run]:
        return self.a, self.b

    def align_around_sources(self, interned: Interned) -> AlignedOps | None:
        """Return the operators around the first sources; None if there are none."""
        return align_around_sources(self.a, self.b, self.localisation, interned)


def make_target(run: Run, source: Source) -> Target | None:
    """Return the call of the source's op as a plan can ask for it; None if `run` lacks it.

    Calls alike in all else are told apart by their number.
    """
    if source.event_a is None:
        return None
    trace = run.trace_of(source.process)
    op = trace.op(source.event_a)
    # By columns, not by views: there may be millions of earlier ops.
    earlier = trace.columns.take(slice(0, source.event_a))
    this = trace.columns.take(slice(source.event_a, source.event_a + 1))
    is_alike = (
        earlier.are(op.kind)
        & (earlier.name == this.name)
        & (earlier.phase == this.phase)
        & (earlier.step == this.step)
        & (earlier.thread == this.thread)
        & (earlier.location == this.location)
    )
    return Target(
        name=op.name,
        location_path=op.location.path,
        location_line=op.location.line,
        phase=int(op.phase),
        step=op.step,
        occurrence=int(is_alike.sum()),
        thread=op.thread,
        location_cell=op.location.cell,
    )


def make_pin(pair: RunPair, source: Source) -> Pin | None:
    """Return the pin for all calls like the source's; None if the first run lacks them.

    Of memory that nobody wrote, the allocation is pinned.
    """
    if source.event_a is None:
        return None
    trace = pair.a.trace_of(source.process)
    number = source.event_a
    if source.allocation is not None:
        # A trace may come from a stranger, and name an event that it does not have.
        number = min(source.allocation, len(trace.events) - 1)
    op = trace.event(number)
    return Pin(
        name=op.name,
        location_path=op.location.path,
        location_line=op.location.line,
        phase=int(op.phase),
        location_cell=op.location.cell,
    )


class SourcePlace(NamedTuple):
    """What identifies a source from one pair of runs to another.

    The number of its event does not: the next pair may have other ops before it.
    """

    origin: Origin
    op: str
    path: str
    line: int
    cell: int


def read_place(source: Source, pair: RunPair) -> SourcePlace:
    """Return the place of a source, from the run of the pair that has it."""
    run = pair.a
    number = source.event_a
    if number is None:
        run = pair.b
        number = source.event_b
    assert number is not None
    op = run.trace_of(source.process).event(number)
    return SourcePlace(
        origin=source.origin,
        op=op.name,
        path=op.location.path,
        line=op.location.line,
        cell=op.location.cell,
    )
