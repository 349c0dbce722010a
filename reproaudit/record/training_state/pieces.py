"""Pieces of training state: what one is found to be, and the trace that is told of changes."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reproaudit.model.events import Phase
from reproaudit.model.question import StateKind
from reproaudit.record.boundary.names import ByObject
from reproaudit.record.digest.tensors import Digest
from reproaudit.record.session import Recorder
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.words import StateMoment

_MOST_PIECES = 20_000
_MOST_KEPT = 32  # objects that are kept alive


@dataclass(frozen=True, slots=True)
class Reading:
    """A piece of state as it is now.

    `signs` are digests of what a file must hold for the piece to be in it; None: it cannot be told
    by its content.
    """

    kind: StateKind
    name: str
    digest: Digest
    shown: str = ""
    signs: frozenset[Digest] = frozenset()


class Pieces:
    """Tells the trace of pieces of state, each where it is other than at the last look."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._known: dict[tuple[StateKind, str], Digest] = {}

    def listens(self) -> bool:
        """Return True where the program itself runs, in the thread that trains."""
        recorder = self._recorder
        return recorder.active and not recorder.state.inside and recorder.thread() == 0

    def tell(self, reading: Reading, moment: StateMoment, *, site: int = 0) -> None:
        """Record the piece if it has changed, or if the program has just put it in its place."""
        key = (reading.kind, reading.name)
        is_known = self._known.get(key) == reading.digest
        if is_known and moment is not StateMoment.RESTORED:
            return
        if key not in self._known and len(self._known) >= _MOST_PIECES:
            return
        self._known[key] = reading.digest
        self._recorder.writer.add_piece(
            at=self._now(site),
            kind=reading.kind,
            name=reading.name,
            moment=moment,
            digest=reading.digest,
            shown=reading.shown,
        )

    def has_changed(self, reading: Reading) -> bool:
        """Return True if the piece is other than at the last look."""
        return self._known.get((reading.kind, reading.name)) != reading.digest

    def tell_held(self, reading: Reading, *, site: int, file: int) -> None:
        """Record that the save number `file` holds the piece."""
        self._recorder.writer.add_piece(
            at=self._now(site),
            kind=reading.kind,
            name=reading.name,
            moment=StateMoment.HELD,
            digest=reading.digest,
            shown=reading.shown,
            file=file,
        )

    def mark(
        self, moment: StateMoment, *, site: int = 0, path: str = "", writer: str = "", file: int = 0
    ) -> None:
        """Record that all pieces were looked at, or that a file was saved or loaded."""
        self._recorder.writer.add_state_moment(
            at=self._now(site), moment=moment, path=path, writer=writer, file=file
        )

    def _now(self, site: int) -> Moment:
        return self._recorder.moment(Phase.DATA, site)


class Named:
    """Objects of one sort, each with a name, in the order in which they were met.

    Nothing is kept alive but generators of NumPy, to which there are no weak references: the first
    few.
    """

    def __init__(self) -> None:
        self._names = ByObject[str]()
        self._counts: dict[str, int] = {}
        self._references: list[weakref.ref[Any]] = []
        self._kept: dict[int, tuple[Any, str]] = {}  # by identity

    def add(self, item: Any, name: str = "") -> str:
        """Return the name of an object; at first it is given one, that of its class by default."""
        known = self.name_of(item)
        if known is not None:
            return known
        base = name or type(item).__name__
        count = self._counts.get(base, 0) + 1
        self._counts[base] = count
        given = base if count == 1 else f"{base}#{count}"
        if not type(item).__weakrefoffset__:
            if len(self._kept) < _MOST_KEPT:
                self._kept[id(item)] = (item, given)
            return given
        self._names.add(item, given)
        self._references = [one for one in self._references if one() is not None]
        self._references.append(weakref.ref(item))
        return given

    def name_of(self, item: Any) -> str | None:
        if id(item) in self._kept:
            return self._kept[id(item)][1]
        return self._names.get(item)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield names and objects that are alive."""
        for item, name in self._kept.values():
            yield name, item
        for reference in self._references:
            item = reference()
            if item is not None:
                yield self._names.get(item) or type(item).__name__, item
