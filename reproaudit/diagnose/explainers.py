"""What a source of each origin says about its cause: one explainer per origin, in one table.

What the evidence does not show stays `unknown`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reproaudit.comparison.entropy import EntropyCall, Strength, best_candidate
from reproaudit.comparison.localise import Origin
from reproaudit.diagnose.blame import describe_call, find_cause
from reproaudit.diagnose.cases import Answer, Case
from reproaudit.diagnose.reductions import reads_message, takes_what_comes, word_reduction
from reproaudit.diagnose.seed_origins import follow_seed, word_seeding
from reproaudit.diagnose.thread_draws import (
    drew_alike_before,
    find_call_in_thread,
    find_draw_in_thread,
    find_draw_in_turns,
)
from reproaudit.diagnose.thread_settings import find_other_setting, word_setting
from reproaudit.diagnose.thread_writes import find_other_writer, have_exchanged_writes
from reproaudit.knowledge.mechanisms import find_mechanism
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, EventKind, Location, Phase
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import is_worker
from reproaudit.trace.views import OpEvent

_OWN_SEEDINGS = ("torch.Generator.seed", "torch.Generator.manual_seed")
_SEEDINGS = ("torch.manual_seed", "torch.seed", *_OWN_SEEDINGS)


Explainer = Callable[[Case], Answer]


def explain(case: Case) -> Answer:
    """Return what the source's own evidence says about its cause."""
    explainer = EXPLAINERS[case.source.origin]
    return explainer(case)


# One explainer per origin


def _explain_op(case: Case) -> Answer:
    """The op turned equal inputs into different outputs."""
    # With another number of threads sums are split otherwise, whatever the kernel.
    setting = find_other_setting(case.a, case.b)
    if setting is not None:
        place = setting.line or case.location
        shown = f"{case.event.shown_name} at {case.location} splits its work by it"
        return Answer(
            cause=Cause.THREAD_COUNT,
            op=case.op,
            location=place,
            notes=(word_setting(setting), shown),
        )
    writer = find_other_writer(case.trace, case.event)
    if writer is None and case.source.event_b is not None:
        peer = case.b.trace_of(case.source.process)
        writer = find_other_writer(peer, peer.op(case.source.event_b))
    if writer is not None:
        # What it was given was looked at before it ran, and may be something else by then.
        other = f"{writer.shown_name} at {writer.location}"
        return Answer(
            cause=Cause.THREAD_RACE,
            op=case.op,
            location=case.location,
            notes=(f"another thread writes the same tensor in place: {other}",),
        )
    notes: list[str] = []
    # Mechanisms are known for GPUs only: what they say of an operator is not true on the CPU.
    has_gpu = "gpu" in case.a.main.header["environment"]
    mechanism = find_mechanism(case.op) if has_gpu else None
    if mechanism is not None:
        notes.append(f"on a GPU {mechanism.why}")
    is_in_main = not is_worker(case.source.process)
    if case.event.is_in_thread and is_in_main:
        notes.append("the op ran in a thread of the program")
    return Answer(
        cause=Cause.KERNEL,
        op=case.op,
        location=case.location,
        notes=tuple(notes),
    )


def _explain_undefined_read(case: Case) -> Answer:
    """The op read memory that nothing had written; to blame is who allocated it."""
    number = case.source.allocation
    if number is None:
        return Answer(
            cause=Cause.UNKNOWN,
            op=case.op,
            location=case.location,
        )
    trace = case.trace
    # A trace may come from a stranger, and name an event that it does not have.
    last = len(trace.events) - 1
    allocation = trace.event(min(number, last))
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
    order = Answer(
        cause=Cause.RNG_ORDER,
        op=case.op,
        location=case.location,
    )
    unseeded = replace(order, cause=Cause.UNSEEDED_RNG)
    seedings = [call for call in case.calls if _seeds_before(call, case)]
    if EventFlag.OWN_GENERATOR in case.event.flags:
        # A seed of another generator counts only if it made that of this one.
        seedings = [call for call in seedings if call.name in _OWN_SEEDINGS] or seedings
    if seedings:
        # The last one counts: it is the seed that the drawn numbers follow from.
        last = seedings[-1]
        place = _find_known_location(case.trace, last.location)
        seeded = replace(unseeded, location=place or case.location, call=last)
        return _move_to_origin(case, seeded)
    # Threads take turns at one stream, and a state that both runs had is no missing seed.
    peer = case.b.trace_of(case.source.process)
    if not case.event.is_in_thread and not drew_alike_before(case.trace, peer, case.event):
        return replace(unseeded, notes=_note_late_seed(case))
    other = find_draw_in_thread(case.trace, peer, case.event)
    if other is None:
        return order
    # The main thread draws in its own order: what comes in between is the other thread's.
    note = f"a thread draws from the stream that {case.op} at {case.location} draws from"
    return replace(order, op=other.name, location=other.known_location, notes=(note,))


def _note_late_seed(case: Case) -> tuple[str, ...]:
    """Say where the program seeds the default stream after this draw from it."""
    if EventFlag.OWN_GENERATOR in case.event.flags:
        return ()
    for seed in case.trace.late_seeds():
        is_of_torch = seed.stream == "torch"
        if is_of_torch and seed.number > case.event.number and seed.location.line:
            return (f"the stream is seeded only after this draw, at {seed.location}",)
    return ()


def _explain_birth(case: Case) -> Answer:
    """Content that entered PyTorch from outside differed."""
    return _blame_outside(case, "the content came from outside PyTorch", shows_op=False)


def _explain_input(case: Case) -> Answer:
    """An input differed although no earlier op's output did."""
    made_at = case.source.made_at
    has_threads = len(case.a.main.threads) > 1
    written_by = case.source.written_by
    if made_at is not None and written_by is not None:
        peer = case.b.trace_of(case.source.process)
        turn = find_draw_in_turns(case.trace, peer)
        if turn is not None and have_exchanged_writes(case.trace, peer):
            return _blame_turns(turn)
        return Answer(
            cause=Cause.THREAD_RACE,
            op=written_by,
            location=made_at,
            notes=(f"another thread reads it: {case.op} at {case.location}",),
        )
    if made_at is not None and has_threads:
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
    answer = _blame_outside(case, "an input differed although no earlier recorded op's output did")
    draw = find_draw_in_turns(case.trace, case.b.trace_of(case.source.process))
    if draw is not None and answer.call is None and made_at is None:
        return _blame_turns(draw)
    mixed_by = case.source.mixed_by
    if mixed_by is None or answer.call is not None:
        return answer
    # A trace may come from a stranger, and name an event that it does not have.
    mixing = case.trace.op(min(mixed_by, len(case.trace.events) - 1))
    if reads_message(case.trace, case.event):
        arrival = f"results of messages are used as they arrive, and {mixing.name} depends on it"
        return Answer(
            cause=Cause.COLLECTIVE_ORDER,
            op=mixing.name,
            location=mixing.known_location,
            notes=(arrival,),
        )
    note = f"equal calls of {case.op} come in another order, and {mixing.name} depends on it"
    return replace(answer, op=mixing.name, location=mixing.known_location, notes=(note,))


def _blame_turns(draw: OpEvent) -> Answer:
    """Blame that threads take turns at one stream: each of them got other numbers."""
    return Answer(
        cause=Cause.RNG_ORDER,
        op=draw.name,
        location=draw.known_location,
        notes=("threads draw from one stream: which numbers each of them gets is chance",),
        moment=(draw.stage, draw.step),
    )


def _explain_structure(case: Case) -> Answer:
    """One run executed ops that the other did not."""
    if EventFlag.RANDOM in case.event.flags:
        return Answer(
            cause=Cause.RNG_ORDER,
            op=case.op,
            location=case.location,
            notes=("one run draws here and the other does not",),
            call=_find_call(case),
        )
    return _blame_outside(case, "one run executed ops here that the other did not")


def _explain_reduction(case: Case) -> Answer:
    """All ranks gave the same, and the result is another one."""
    return Answer(
        cause=Cause.COLLECTIVE_ORDER,
        op=case.op,
        location=case.location,
        notes=(word_reduction(case.source, case.a.world),),
    )


def _explain_arrival(case: Case) -> Answer:
    """What another rank sent differed, and none is known to have made the difference."""
    peer = case.b.trace_of(case.source.process)
    if takes_what_comes(case.event, peer):
        return Answer(
            cause=Cause.COLLECTIVE_ORDER,
            op=case.op,
            location=case.location,
            notes=("it takes what comes first, and another rank's message came first",),
        )
    return _blame_outside(case, "what other ranks sent differed, and no recorded op of theirs did")


EXPLAINERS: dict[Origin, Explainer] = {
    Origin.OP: _explain_op,
    Origin.UNDEFINED: _explain_undefined_read,
    Origin.RANDOM: _explain_draw,
    Origin.BIRTH: _explain_birth,
    Origin.INPUT: _explain_input,
    Origin.STRUCTURE: _explain_structure,
    Origin.REDUCTION: _explain_reduction,
    Origin.ARRIVAL: _explain_arrival,
}


# What came from outside PyTorch


def _blame_outside(
    case: Case,
    unknown: str,
    *,
    shows_op: bool = True,
) -> Answer:
    """Blame the call that brought the difference in.

    Without one, the op's own line is the best that is known, and the note is `unknown`.
    """
    op = case.op if shows_op else None
    call = _find_call(case)
    if call is None and case.event.is_in_thread:
        # Nothing from outside differs, so it is what other threads do meanwhile.
        return Answer(
            cause=Cause.THREAD_RACE,
            op=case.op,
            location=case.location,
        )
    if call is None:
        return Answer(
            cause=Cause.UNKNOWN,
            op=op,
            location=case.location,
            notes=(unknown,),
        )
    caller = case.a.trace_of(call.process)
    place = _find_known_location(caller, call.location)
    in_thread = None
    if not is_worker(call.process):
        in_thread = find_call_in_thread(caller, case.b.trace_of(call.process), call)
    if in_thread is not None:
        note = f"{in_thread.name} is called by threads, which take turns at one stream by chance"
        return Answer(
            cause=Cause.RNG_ORDER,
            op=None,
            location=in_thread.known_location or place,
            notes=(note,),
            call=call,
        )
    # Results in another order are mixed by the op that joins them: it is named beside the call.
    is_input = case.source.origin is Origin.INPUT
    is_here = call.process == case.source.process
    names_op = is_input and is_here and call.strength is Strength.ARRIVAL
    # What another process hands over is data.
    is_handed = is_worker(call.process) and call.process != case.source.process
    answer = Answer(
        cause=find_cause(call),
        op=op if names_op else None,
        location=place or case.location,
        notes=(describe_call(call),),
        call=call,
        moment=(Phase.DATA, case.event.step) if is_handed else None,
    )
    return _move_to_origin(case, answer)


def _move_to_origin(case: Case, answer: Answer) -> Answer:
    """Return the answer at what made the seed of the call to blame, if that is known."""
    assert answer.call is not None
    chain = follow_seed(answer.call, case.calls, case.fix)
    first = chain[-1]
    if first is answer.call:
        return answer
    trace = case.a.trace_of(first.process)
    notes = [describe_call(first)]
    for call in reversed(chain[:-1]):
        place = _find_known_location(trace, call.location)
        if call.is_given_seed and call.location != first.location:
            notes.append(word_seeding(call.name, place))
    event = trace.event(first.event)
    phase = Phase.INITIALISATION if _is_before_training(trace, first.event) else event.phase
    return replace(
        answer,
        # A seed may be made of anything that differs: the order of the draws is not to blame.
        cause=find_cause(first),
        location=event.known_location or answer.location,
        notes=tuple(notes),
        # Its value went into the seed: a clock is no mere suspect here.
        call=replace(first, strength=Strength.SPECIFIC),
        moment=(phase, event.step),
        advice="make the seed a constant, or a setting that the user gives",
    )


def _is_before_training(trace: Trace, event: int) -> bool:
    """Return True if no batch was made by then, and no module was called."""
    earlier = trace.columns.take(slice(0, event))
    return not (earlier.are(EventKind.BATCH) | earlier.are(EventKind.OUTPUT)).any()


def _find_call(case: Case) -> EntropyCall | None:
    """Return the call that is likeliest to have brought the difference in."""
    calls = list(case.calls)
    return best_candidate(calls, case.source.order, case.source.process)


# What else is looked up in traces


def _find_known_location(trace: Trace, number: int) -> Location | None:
    place = trace.locations[number]
    if place.line <= 0:
        return None
    return place


def _seeds_before(call: EntropyCall, case: Case) -> bool:
    """Return True if the call seeds a generator in the process of the draw, and before it."""
    if call.name not in _SEEDINGS:
        return False
    # Numbers of events say which came first within one process only.
    if call.process != case.source.process:
        return False
    return call.event < case.event.number
