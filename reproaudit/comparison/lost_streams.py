"""Random streams that a resumed run lost, or that were drawn from before it used them."""

from __future__ import annotations

from dataclasses import dataclass

from reproaudit.comparison.lost_pieces import Runs
from reproaudit.comparison.state_timeline import DRAWS, PieceKey, Timeline
from reproaudit.model.events import EventFlag, Location
from reproaudit.model.question import LostState, Restoration, StateKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import Digest, PieceEvent
from reproaudit.trace.words import StateMoment

_CULPRITS = {
    StateMoment.ITERATOR: "making an iterator of a DataLoader draws a base seed from it",
    StateMoment.WORKERS: "making an iterator of a DataLoader draws the seeds of workers from it",
    StateMoment.FETCH: "a DataLoader draws from it for a batch or for the order of the samples",
    StateMoment.MODULE: "a forward pass draws from it",
    StateMoment.SEEDED: "it is seeded again",
    StateMoment.STEP_END: "an optimizer's step draws from it",
}
_END = 1 << 62
_OWN_GENERATOR = "generator "  # in the names of those that are no global stream


@dataclass(frozen=True, slots=True)
class StreamLoss:
    """A lost stream, and what its numbers are drawn for: moments of the uninterrupted run."""

    lost: LostState
    uses: frozenset[StateMoment]


def find_lost_streams(runs: Runs, resumed: Trace) -> list[StreamLoss]:
    """Return the random streams that are other in the resumed run, and that are drawn from."""
    found = []
    for key in runs.a.keys(StateKind.RANDOM_STREAM):
        expected = runs.a.value(key, runs.step)
        value = runs.c.value(key, 0)
        if expected is None or value is None or expected.value == value.value:
            continue
        uses = _find_uses(runs, key)
        if uses:
            found.append(StreamLoss(_judge(runs, key, value, resumed), uses))
    return found


def _find_uses(runs: Runs, key: PieceKey) -> frozenset[StateMoment]:
    """Return for what numbers are drawn from the step on in which the other run begins."""
    start = runs.a.end_of_step(runs.step - 1)
    mine = {event.moment for event in runs.a.between(key, start, _END)}
    # A generator that is made anew for each step or epoch is another one than its namesake.
    if _OWN_GENERATOR in key[1] and not mine & DRAWS:
        return frozenset()
    use = runs.c.use_of(StateKind.RANDOM_STREAM, 0) or 0
    others = {event.moment for event in runs.c.between(key, use, _END)}
    return frozenset((mine | others) & DRAWS)


def _judge(runs: Runs, key: PieceKey, value: PieceEvent, resumed: Trace) -> LostState:
    _, name = key
    step = runs.step
    use = runs.c.use_of(StateKind.RANDOM_STREAM, 0) or 0
    history = list(runs.c.between(key, 0, use))
    states = [event.value for event in _list_path(runs.a, key, step)]
    at = max((i for i, event in enumerate(history) if event.value in states), default=None)
    expected = f"where the uninterrupted run has it at step {step}"
    if at is not None and at + 1 < len(history):
        return _describe_shift(
            name, history[at], history[at + 1], expected=expected, resumed=resumed
        )
    restored = _find_restored(history)
    if restored is not None:
        place = (
            _place(runs.a, key, restored.value) or "one that the uninterrupted run has at no step"
        )
        return LostState(
            kind=StateKind.RANDOM_STREAM,
            name=name,
            restoration=Restoration.WRONG,
            expected=expected,
            found=place,
            location=restored.known_location,
            evidence=(f"a state is put in its place, but another one: {place}",),
        )
    place = _place(runs.a, key, value.value)
    evidence = ["nothing in the resumed run puts a state in its place"]
    seeded = [event for event in history if event.moment is StateMoment.SEEDED]
    if seeded and seeded[-1].known_location is not None:
        evidence.append(f"it was seeded at {seeded[-1].known_location.place}, as at every start")
    if place:
        evidence.append(f"at the first step it is {place}")
    return LostState(
        kind=StateKind.RANDOM_STREAM,
        name=name,
        restoration=Restoration.NOT_RESTORED,
        expected=expected,
        found=place or "another state",
        location=runs.loaded_at,
        evidence=tuple(evidence),
    )


def _list_path(a: Timeline, key: PieceKey, step: int) -> list[PieceEvent]:
    """Return the states of a stream from the end of the step before to its use in a step."""
    start = a.end_of_step(step - 1)
    end = a.use_of(StateKind.RANDOM_STREAM, step) or 0
    before = a.value_before(key, start)
    path = [] if before is None else [before]
    return path + list(a.between(key, start, end))


def _find_restored(history: list[PieceEvent]) -> PieceEvent | None:
    """Return the last state that was put in place and is none that the stream had before."""
    seen: set[Digest] = set()
    found = None
    for event in history:
        if event.moment is StateMoment.RESTORED and event.value not in seen:
            found = event
        seen.add(event.value)
    return found


def _place(a: Timeline, key: PieceKey, state: Digest) -> str:
    """Say where the uninterrupted run has a state; "" if nowhere."""
    steps = a.find_steps(key, state)
    if not steps:
        return ""
    return f"where the uninterrupted run has it at step {steps[0]}"


def _describe_shift(
    name: str, restored: PieceEvent, after: PieceEvent, *, expected: str, resumed: Trace
) -> LostState:
    """Describe a stream that was restored, and then drawn from as the other run did not."""
    draw = _find_draw(resumed, restored.number, after.number)
    culprit = _CULPRITS.get(after.moment, "the program draws from it")
    location = after.known_location
    if draw is not None:
        culprit, location = draw
    where = f" at {location.place}" if location is not None else ""
    put_back = f" at {restored.location.place}" if restored.known_location is not None else ""
    verb = "put in place" if restored.moment is StateMoment.RESTORED else "reached"
    evidence = (
        f"the right state was {verb}{put_back}, and changed before the first step used it",
        f"{culprit}{where}",
    )
    return LostState(
        kind=StateKind.RANDOM_STREAM,
        name=name,
        restoration=Restoration.SHIFTED,
        expected=expected,
        found=f"moved on: {culprit}",
        location=location,
        evidence=evidence,
    )


def _find_draw(trace: Trace, start: int, end: int) -> tuple[str, Location | None] | None:
    """Return the op that drew between two events, where ops were recorded, and its line."""
    for op in trace.operations(EventFlag.RANDOM):
        if start < op.number < end and not op.flags & EventFlag.OWN_GENERATOR:
            return f"{op.shown_name} draws from it", op.known_location
    return None
