"""What the runs that kept values show of one op: how it differed, and what repeating it gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.comparison.elements import TensorContent, element_difference
from reproaudit.model.difference import Difference
from reproaudit.model.events import CodeLine, EventFlag
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.schema import INPUTS_FROM
from reproaudit.trace.views import OpEvent
from reproaudit.trace.words import ReplayWay


@dataclass(frozen=True, slots=True)
class Repeated:
    """One way of repeating an op: `made` calls, `differing` of them.

    None made: the op refused, or was not asked.
    """

    way: ReplayWay
    made: int
    differing: int
    event: int


@dataclass(frozen=True, slots=True)
class Capture:
    """A call whose values were kept: its trace and event, its flags, and its repetitions."""

    trace: Trace
    event: int
    flags: EventFlag
    repeated: tuple[Repeated, ...]

    def outputs(self) -> list[TensorContent]:
        return [value for value in self.trace.values(self.event) if value.number < INPUTS_FROM]

    def others(self) -> list[TensorContent]:
        """Return the outputs of the first plain repetition that differed; empty if none did."""
        for tried in self.repeated:
            if tried.way is ReplayWay.PLAIN and tried.differing:
                return list(self.trace.values(tried.event))
        return []


def capture_of(run: Run, process: str, op: str, line: CodeLine) -> Capture | None:
    """Return the kept call of `op` at `line`, the first that was repeated if any was.

    None if the process kept none.
    """
    trace = dict(run.traces).get(process)
    if trace is None:
        return None
    fitting = [kept for kept in trace.operations(EventFlag.KEPT) if _is_at(kept, op, line)]
    if not fitting:
        return None
    repeated = _find_repetitions(trace)
    repeated_calls = [kept for kept in fitting if kept.number in repeated]
    call = repeated_calls[0] if repeated_calls else fitting[0]
    return Capture(
        trace=trace,
        event=call.number,
        flags=call.flags,
        repeated=tuple(repeated.get(call.number, ())),
    )


def _find_repetitions(trace: Trace) -> dict[int, list[Repeated]]:
    """Return the repetitions by the event number of the call that was repeated."""
    found: dict[int, list[Repeated]] = {}
    for replay in trace.replays():
        if replay.way is None:
            continue  # a way that this version does not know
        tried = Repeated(
            way=replay.way, made=replay.made, differing=replay.differing, event=replay.number
        )
        found.setdefault(replay.repeated, []).append(tried)
    return found


def _is_at(call: OpEvent, op: str, line: CodeLine) -> bool:
    return call.name == op and call.location.code_line == line


def difference(
    first: Sequence[TensorContent], second: Sequence[TensorContent]
) -> Difference | None:
    """Return how the first outputs that differ do so; None if none differ or their shapes do."""
    for one, other in zip(first, second, strict=False):
        if (one.dtype, one.shape) == (other.dtype, other.shape):
            found = element_difference(one, other)
            if found.differing:
                return found
    return None
