"""What a source of each origin says about its cause: one explainer per origin, in one table.

What the evidence does not show stays `unknown`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reproaudit.compare.entropy import EntropyCall, Strength, best_candidate
from reproaudit.compare.localise import Origin, Source
from reproaudit.knowledge.mechanisms import find_mechanism
from reproaudit.knowledge.rules import find_cause_of_call
from reproaudit.model.events import EventFlag, EventKind, Location
from reproaudit.model.result import Cause
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import MAIN_PROCESS, Run
from reproaudit.trace.views import OpEvent

_SEEDINGS = ("torch.manual_seed", "torch.seed", "torch.Generator.seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A source, the two runs that show it, and its op in one of them.

    That run is `a` unless only `b` has the op. `calls` are all calls into the outside world that
    differ between the two runs.
    """

    source: Source
    a: Run
    b: Run
    calls: Sequence[EntropyCall]
    trace: Trace
    event: OpEvent

    @property
    def op(self) -> str:
        return self.event.name

    @property
    def location(self) -> Location | None:
        """The user's line; None if it is not known."""
        return self.event.known_location


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A cause, and the op and line to name for it. `call` is what brought the difference in."""

    cause: Cause
    op: str | None
    location: Location | None
    notes: tuple[str, ...] = ()
    call: EntropyCall | None = None


Explainer = Callable[[Case], Answer]


def make_case(source: Source, pair: tuple[Run, Run], calls: Sequence[EntropyCall]) -> Case:
    """Look up the op of a source in the run that has it."""
    a, b = pair
    run, number = (a, source.event_a) if source.event_a is not None else (b, source.event_b)
    assert number is not None
    trace = run.trace_of(source.process)
    return Case(source=source, a=a, b=b, calls=calls, trace=trace, event=trace.op(number))


def explain(case: Case) -> Answer:
    """Return what the source's own evidence says about its cause."""
    return EXPLAINERS[case.source.origin](case)


def is_drawn_by_worker(call: EntropyCall) -> bool:
    """Return True if the call draws from, or seeds, a generator in a worker process."""
    return call.process != MAIN_PROCESS and ("random" in call.name or "seed" in call.name)


# One explainer per origin


def _explain_op(case: Case) -> Answer:
    """The op turned equal inputs into different outputs."""
    if _read_thread_settings(case.a) != _read_thread_settings(case.b):
        cause = Cause.THREAD_COUNT
    else:
        cause = Cause.KERNEL
    notes: list[str] = []
    # Mechanisms are known for GPUs only: what they say of an operator is not true on the CPU.
    has_gpu = "gpu" in case.a.main.header["environment"]
    mechanism = find_mechanism(case.op) if has_gpu else None
    if mechanism is not None and cause is Cause.KERNEL:
        notes.append(f"on a GPU {mechanism.why}")
    if case.event.is_in_thread and case.source.process == MAIN_PROCESS:
        notes.append("the op ran in a thread of the program")
    return Answer(cause=cause, op=case.op, location=case.location, notes=tuple(notes))


def _explain_undefined_read(case: Case) -> Answer:
    """The op read memory that nothing had written; to blame is who allocated it."""
    if case.source.allocation is None:
        return Answer(cause=Cause.UNKNOWN, op=case.op, location=case.location)
    trace = case.trace
    # A trace may come from a stranger, and name an event that it does not have.
    allocation = trace.event(min(case.source.allocation, len(trace.events) - 1))
    return Answer(
        cause=Cause.UNINITIALIZED_MEMORY,
        op=allocation.name,
        location=allocation.known_location,
        notes=(f"read by {case.op} at {case.location}",),
    )


def _explain_draw(case: Case) -> Answer:
    """The op drew from a generator whose state differed.

    Either its stream was never seeded alike, or draws from it came in another order.
    """
    answer = Answer(cause=Cause.RNG_ORDER, op=case.op, location=case.location)
    seedings = [call for call in case.calls if _seeds_before(call, case)]
    if seedings:
        last = seedings[-1]
        place = _known_location(case.trace, last.location) or case.location
        return replace(answer, cause=Cause.UNSEEDED_RNG, location=place, call=last)
    if case.event.is_in_thread or _drew_alike_before(case):
        return answer
    return replace(answer, cause=Cause.UNSEEDED_RNG)


def _explain_birth(case: Case) -> Answer:
    """Content that entered PyTorch from outside differed."""
    return _blame_outside(case, "the content came from outside PyTorch", shows_op=False)


def _explain_input(case: Case) -> Answer:
    """An input differed although no earlier op's output did."""
    made_at = case.source.made_at
    if made_at is not None and case.a.main.threads[1:]:
        note = (
            f"memory made at {made_at} was written outside PyTorch while a thread of the program "
            "ran"
        )
        return Answer(
            cause=Cause.THREAD_RACE,
            op=case.op,
            location=made_at,
            notes=(note,),
            call=_find_call(case),
        )
    return _blame_outside(case, "an input differed although no earlier recorded op's output did")


def _explain_structure(case: Case) -> Answer:
    """One run executed ops that the other did not."""
    if case.event.flags & EventFlag.RANDOM:
        return Answer(
            cause=Cause.RNG_ORDER,
            op=case.op,
            location=case.location,
            notes=("one run draws here and the other does not",),
            call=_find_call(case),
        )
    return _blame_outside(case, "one run executed ops here that the other did not")


EXPLAINERS: dict[Origin, Explainer] = {
    Origin.OP: _explain_op,
    Origin.UNDEFINED: _explain_undefined_read,
    Origin.RANDOM: _explain_draw,
    Origin.BIRTH: _explain_birth,
    Origin.INPUT: _explain_input,
    Origin.STRUCTURE: _explain_structure,
}


# What came from outside PyTorch


def _blame_outside(case: Case, unknown: str, *, shows_op: bool = True) -> Answer:
    """Blame the call that brought the difference in.

    Without one, the op's own line is the best that is known, and the note is `unknown`.
    """
    op = case.op if shows_op else None
    call = _find_call(case)
    if call is None and case.event.is_in_thread:
        return Answer(cause=Cause.THREAD_RACE, op=case.op, location=case.location)
    if call is None:
        return Answer(cause=Cause.UNKNOWN, op=op, location=case.location, notes=(unknown,))
    caller = case.a.trace_of(call.process)
    # Results in another order are mixed by the op that joins them: it is named beside the call.
    names_op = case.source.origin is Origin.INPUT and call.strength is Strength.ARRIVAL
    return Answer(
        cause=_cause_of(call),
        op=op if names_op else None,
        location=_known_location(caller, call.location) or case.location,
        notes=(_describe_call(call),),
        call=call,
    )


def _find_call(case: Case) -> EntropyCall | None:
    return best_candidate(list(case.calls), case.source.order)


def _describe_call(call: EntropyCall) -> str:
    if call.state_differed:
        return f"{call.name} drew from a generator whose state differed"
    if call.strength is Strength.ARRIVAL:
        return f"{call.name} hands out results in order of arrival"
    first, second = call.shown_a or "another result", call.shown_b or "another"
    return f"{call.name} returned {first} and {second}"


def _cause_of(call: EntropyCall) -> Cause:
    if is_drawn_by_worker(call):
        return Cause.WORKER_SEED
    by_name = find_cause_of_call(call.name)
    if by_name is not None:
        return by_name
    return Cause.DATA_ORDER if call.strength is Strength.ARRIVAL else Cause.UNSEEDED_RNG


# What else is looked up in traces


def _known_location(trace: Trace, number: int) -> Location | None:
    place = trace.locations[number]
    return place if place.line > 0 else None


def _read_thread_settings(run: Run) -> list[str]:
    """Return what the program set its number of threads to, in order."""
    return [change.after for change in run.main.changes if change.what == "threads"]


def _seeds_before(call: EntropyCall, case: Case) -> bool:
    """Return True if the call seeds a generator in the process of the draw, and before it."""
    is_earlier = call.process == case.source.process and call.event < case.event.number
    return is_earlier and call.name in _SEEDINGS


def _drew_alike_before(case: Case) -> bool:
    """Return True if run `b` drew from a state that an earlier draw of this run had too.

    Draws from another kind of generator say nothing about this one.
    """
    other = case.b.trace_of(case.source.process)
    kinds = EventFlag.RANDOM | EventFlag.OWN_GENERATOR
    wanted = int(case.event.flags & kinds)
    earlier = case.trace.columns.take(slice(0, case.event.number))
    states = []
    for columns in (earlier, other.columns):
        is_draw = columns.are(EventKind.OP) & ((columns.flags & int(kinds)) == wanted)
        states.append(columns.drawn_states[is_draw])
    return bool(np.isin(*states).any())
