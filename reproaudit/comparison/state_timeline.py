"""The training state of one run over its steps, as its trace tells it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from reproaudit.model.question import StateKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import Digest, PieceEvent, StateMomentEvent
from reproaudit.trace.words import StateMoment

PieceKey = tuple[StateKind, str]

# Where in a step each kind of state begins to be used; all else where the optimizer steps.
_USED_FROM = {
    StateKind.RANDOM_STREAM: StateMoment.FORWARD,
    StateKind.BUFFERS: StateMoment.FORWARD,
    StateKind.DATA_POSITION: StateMoment.FORWARD,
    StateKind.SAMPLER_EPOCH: StateMoment.FORWARD,
    StateKind.AVERAGE: StateMoment.FORWARD,
    StateKind.PYTHON_VALUE: StateMoment.FORWARD,
    StateKind.ACCUMULATION: StateMoment.BACKWARD,
}
_MARKS = (StateMoment.FORWARD, StateMoment.BACKWARD, StateMoment.UPDATE)
DRAWS = frozenset(  # of which numbers reach the training; an iterator's base seed alone does not
    (
        StateMoment.PROGRAM,
        StateMoment.FETCH,
        StateMoment.MODULE,
        StateMoment.WORKERS,
        StateMoment.STEP_END,
    )
)


@dataclass(frozen=True, slots=True)
class HeldPiece:
    """A piece of state that a file holds, which was the save number `file`.

    `names` are what it may be called.
    """

    key: PieceKey
    names: tuple[str, ...]
    file: int


class Timeline:
    """What each piece of state was at each moment of a run."""

    def __init__(self, trace: Trace) -> None:
        self._pieces: dict[PieceKey, list[PieceEvent]] = {}
        self.held: list[HeldPiece] = []
        for event in trace.pieces():
            key = (event.piece, event.name)
            if event.moment is StateMoment.HELD:
                self.held.append(HeldPiece(key, (event.name, event.shown), event.file))
            else:
                self._pieces.setdefault(key, []).append(event)
        self._marks: dict[tuple[StateMoment, int], int] = {}
        self.saves: list[StateMomentEvent] = []
        self.loads: list[StateMomentEvent] = []
        for mark in trace.state_moments():
            if mark.moment is StateMoment.SAVED:
                self.saves.append(mark)
            elif mark.moment is StateMoment.LOADED:
                self.loads.append(mark)
            elif mark.moment is not None:
                self._marks.setdefault((mark.moment, mark.step), mark.number)

    @property
    def is_recorded(self) -> bool:
        return bool(self._marks)

    def keys(self, kind: StateKind) -> list[PieceKey]:
        """Return the pieces of a kind, in the order in which they were met."""
        return [key for key in self._pieces if key[0] is kind]

    def mark(self, moment: StateMoment, step: int) -> int | None:
        """Return the number of the event that says that all was looked at; None if none does."""
        return self._marks.get((moment, step))

    def use_of(self, kind: StateKind, step: int) -> int | None:
        """Return the event at which a step begins to use state of a kind; None without such."""
        first = _USED_FROM.get(kind, StateMoment.UPDATE)
        for moment in (first, *_MARKS):
            found = self.mark(moment, step)
            if found is not None:
                return found
        return None

    def value(self, key: PieceKey, step: int) -> PieceEvent | None:
        """Return a piece as a step begins to use it."""
        number = self.use_of(key[0], step)
        return None if number is None else self.value_before(key, number)

    def value_before(self, key: PieceKey, number: int) -> PieceEvent | None:
        """Return a piece as it was before event `number`."""
        events = self._pieces.get(key, [])
        at = bisect_left([event.number for event in events], number)
        return events[at - 1] if at else None

    def first(self, key: PieceKey) -> PieceEvent | None:
        """Return a piece as it was met first."""
        events = self._pieces.get(key)
        return events[0] if events else None

    def between(self, key: PieceKey, start: int, end: int) -> Iterator[PieceEvent]:
        """Yield what became of a piece from event `start` to before event `end`."""
        for event in self._pieces.get(key, ()):
            if start <= event.number < end:
                yield event

    def find_steps(self, key: PieceKey, digest: Digest) -> list[int]:
        """Return the steps that began to use the piece as it is by its digest."""
        steps = sorted({step for moment, step in self._marks if moment is StateMoment.UPDATE})
        found = []
        for step in steps:
            value = self.value(key, step)
            if value is not None and value.value == digest:
                found.append(step)
        return found

    def end_of_step(self, step: int) -> int:
        """Return the event at which the optimizer was about to step; 0 before the first step."""
        if step < 0:
            return 0
        return self.mark(StateMoment.UPDATE, step) or self.use_of(StateKind.BUFFERS, step) or 0
