"""A source with all that is asked to explain it, and what an explanation says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.comparison.entropy import EntropyCall
from reproaudit.comparison.localise import Source
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location, Phase
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.views import OpEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A source, the two runs that show it, and its op in one of them.

    That run is `a` unless only `b` has the op. `calls` are all calls into the outside world that
    differ between the two runs. `fix` is what was proven to repair the program, if that is known.
    """

    source: Source
    a: Run
    b: Run
    calls: Sequence[EntropyCall]
    trace: Trace
    event: OpEvent
    fix: tuple[str, ...] = ()

    @property
    def op(self) -> str:
        return self.event.name

    @property
    def location(self) -> Location | None:
        """The user's line; None if it is not known."""
        return self.event.known_location


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A cause, and the op and line to name for it. `call` is what brought the difference in.

    `moment` is the phase and step, where they are others than those of the source's op; `advice`
    stands in the place of the cause's.
    """

    cause: Cause
    op: str | None
    location: Location | None
    notes: tuple[str, ...] = ()
    call: EntropyCall | None = None
    moment: tuple[Phase, int] | None = None
    advice: str = ""


def make_case(
    source: Source,
    pair: tuple[Run, Run],
    calls: Sequence[EntropyCall],
    fix: tuple[str, ...] = (),
) -> Case:
    """Look up the op of a source in the run that has it."""
    a, b = pair
    run = a
    number = source.event_a
    if number is None:
        run = b
        number = source.event_b
    assert number is not None
    trace = run.trace_of(source.process)
    event = trace.op(number)
    return Case(
        source=source,
        a=a,
        b=b,
        calls=calls,
        trace=trace,
        event=event,
        fix=fix,
    )
