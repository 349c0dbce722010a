"""Reading a trace, which may be cut off, corrupt or made by a stranger: a valid prefix, or a
TraceError."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from reproaudit.errors import TraceError
from reproaudit.files import open_regular, read_start, refuse
from reproaudit.model.events import (
    Change,
    EventFlag,
    EventKind,
    Level,
    Location,
    NotChecked,
    Outcome,
    Phase,
    Unchecked,
)
from reproaudit.trace import words
from reproaudit.trace.columns import EventColumns
from reproaudit.trace.ending import outcome_of_row
from reproaudit.trace.facts import ProcessFacts
from reproaudit.trace.header import read_header
from reproaudit.trace.records import EVENT, Events
from reproaudit.trace.schema import (
    EVENTS_FILE,
    NO_LOCATION,
    VALUES_FILE,
    ChangeRow,
    Header,
    WholeHeader,
)
from reproaudit.trace.shelf import Contents, Shelf
from reproaudit.trace.values import TensorValue, read_index
from reproaudit.trace.view_maker import ViewMaker
from reproaudit.trace.views import (
    AlertEvent,
    DrawEvent,
    EntropyEvent,
    EpochEvent,
    Event,
    FetchEvent,
    FileEvent,
    LateSeedEvent,
    LineEvent,
    OpEvent,
    PieceEvent,
    RaceEvent,
    ReplayEvent,
    ReplicaEvent,
    RngEvent,
    SeedEvent,
    SettingEvent,
    StateMomentEvent,
    TensorEvent,
    WorkerEvent,
)

TENSOR_KINDS = (
    EventKind.BATCH,
    EventKind.OUTPUT,
    EventKind.GRADIENT,
    EventKind.PARAMETER,
    EventKind.SAVED,
    EventKind.FINAL,
)
# A map costs a descriptor, and a run may have thousands of small traces of children.
_MAPPED_FROM_BYTES = 8 << 20
_CHUNK = 1 << 15  # records checked at a time: they stay in the cache
# By the number of a kind or a phase: whether there is such a one.
_NUMBERS = np.arange(256)
_KNOWN_KINDS = np.isin(_NUMBERS, [int(kind) for kind in EventKind])
_KNOWN_PHASES = np.isin(_NUMBERS, [int(phase) for phase in Phase])
_WITH_TEXT = (*TENSOR_KINDS, *words.RANK_KINDS, EventKind.ALERT, EventKind.ENTROPY, EventKind.PIECE)
_HAS_TEXT = np.isin(_NUMBERS, [int(kind) for kind in _WITH_TEXT])
V = TypeVar("V", bound=Event)


@dataclass(frozen=True, eq=False)  # without slots: weak dictionaries have it as a key
class Trace:
    """One finished, killed or still running recording. Every id in `events` lies inside its table.

    `event_count` is how many events there are. `damage` says what of the files could not be used,
    and is "" if all of it was. `get_contents` returns what is large: it is held, or read again.
    """

    directory: Path
    header: Header
    outcome: Outcome
    changes: tuple[Change, ...]
    notes: tuple[NotChecked, ...]
    damage: str
    lacks_events: bool  # some that were recorded, or may have been
    event_count: int
    get_contents: Callable[[], Contents]

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, run: Path | None = None, shelf: Shelf | None = None
    ) -> Trace:
        """Open the folder of one process. Raises TraceError if nothing in it can be used.

        Its contents are held as long as it is; with a shelf, as long as the shelf holds those of
        the folder `run`.
        """
        directory = Path(path)
        whole = read_header(directory)
        contents, cut, lacks_events = _read_contents(directory, whole)
        header, locations = _without_tables(whole), contents.locations
        if shelf is None:
            get_contents = partial(_return, contents)
        else:
            group = run or directory
            shelf.put(group, directory, contents)
            read = partial(_read_again, directory, len(contents.events))
            get_contents = partial(shelf.get, group, directory, read)
        return cls(
            directory=directory,
            header=header,
            outcome=outcome_of_row(header["outcome"]),
            changes=tuple(_change(row, locations) for row in header["changes"]),
            notes=tuple(
                NotChecked(Unchecked(row["code"]), row["what"], row["why"])
                for row in header["notes"]
            ),
            damage="; ".join(text for text in (cut, contents.kept.damage) if text),
            lacks_events=lacks_events,
            event_count=len(contents.events),
            get_contents=get_contents,
        )

    @property
    def events(self) -> Events:
        """The records: read-only, whole ones only, up to the first bad one."""
        return self.get_contents().events

    @property
    def strings(self) -> tuple[str, ...]:
        return self.get_contents().strings

    @property
    def locations(self) -> tuple[Location, ...]:
        return self.get_contents().locations

    @property
    def level(self) -> Level:
        return Level(self.header["level"])

    @property
    def process(self) -> ProcessFacts:
        """Which process of its run it is."""
        return ProcessFacts(**self.header["process"])

    @property
    def settings(self) -> dict[str, object]:
        return self.header["settings"]

    @property
    def threads(self) -> tuple[str, ...]:
        return tuple(self.header["threads"])

    @property
    def columns(self) -> EventColumns:
        """All events by columns, for work on the whole stream."""
        return EventColumns(self.events)

    def event(self, number: int) -> Event:
        """Return the view of event `number`."""
        return self._maker.view(number, self.events[number])

    def all_events(self) -> Iterator[Event]:
        """Yield the views of all events in order."""
        maker = self._maker
        for number, row in enumerate(self.events):
            yield maker.view(number, row)

    def op(self, number: int) -> OpEvent:
        """Return the view of event `number`, which is an operator. Raises ValueError otherwise."""
        return _of_type(self.event(number), OpEvent)

    def tensor(self, number: int) -> TensorEvent:
        """Return the view of event `number`, which is a boundary tensor. Raises ValueError
        otherwise."""
        return _of_type(self.event(number), TensorEvent)

    def operations(self, flags: EventFlag | None = None) -> Iterator[OpEvent]:
        """Yield the operators in order; with `flags`, those that have one of them."""
        return self._views(OpEvent, EventKind.OP, flags=flags)

    def tensors(self) -> Iterator[TensorEvent]:
        """Yield the boundary tensors in order."""
        return self._views(TensorEvent, *TENSOR_KINDS)

    def replicas(self) -> Iterator[ReplicaEvent]:
        """Yield the modules that DistributedDataParallel keeps equal on several ranks, in order."""
        return self._views(ReplicaEvent, EventKind.REPLICA)

    def stream_states(self) -> Iterator[RngEvent]:
        """Yield the states of the global random streams in order."""
        return self._views(RngEvent, EventKind.RNG)

    def epochs(self) -> Iterator[EpochEvent]:
        """Yield the beginnings of DataLoaders' epochs in order."""
        return self._views(EpochEvent, EventKind.RNG)

    def fetches(self) -> Iterator[FetchEvent]:
        """Yield the streams that fetching a batch drew from, in order."""
        return self._views(FetchEvent, EventKind.RNG)

    def draws(self) -> Iterator[DrawEvent]:
        """Yield the ops that drew from a default generator; none where ops are recorded."""
        return self._views(DrawEvent, EventKind.RNG)

    def seeds(self) -> Iterator[SeedEvent]:
        """Yield the program's seed calls in order."""
        return self._views(SeedEvent, EventKind.RNG)

    def worker_states(self) -> Iterator[WorkerEvent]:
        """Yield the states of the streams of a DataLoader's worker in order."""
        return self._views(WorkerEvent, EventKind.RNG)

    def late_seeds(self) -> Iterator[LateSeedEvent]:
        """Yield the streams that were seeded after a draw, in order."""
        return self._views(LateSeedEvent, EventKind.RNG)

    def alerts(self) -> Iterator[AlertEvent]:
        """Yield the ops that the determinism flag refused, in order. Races are none."""
        return self._views(AlertEvent, EventKind.ALERT)

    def races(self) -> Iterator[RaceEvent]:
        """Yield the uses of one tensor that nothing orders, in order."""
        return self._views(RaceEvent, EventKind.ALERT)

    def entropy_calls(self) -> Iterator[EntropyEvent]:
        """Yield the calls that brought the outside world in, in order."""
        return self._views(EntropyEvent, EventKind.ENTROPY)

    def settings_made(self) -> Iterator[SettingEvent]:
        """Yield when seeds and determinism flags were set, if the plan asked for it, in order."""
        return self._views(SettingEvent, EventKind.SETTING)

    def files(self) -> Iterator[FileEvent]:
        """Yield what the program did with files, in order."""
        return self._views(FileEvent, EventKind.FILE)

    def lines(self) -> Iterator[LineEvent]:
        """Yield what the program's statements did, in order."""
        return self._views(LineEvent, EventKind.LINE)

    def replays(self) -> Iterator[ReplayEvent]:
        """Yield the ways in which ops were repeated, in order."""
        return self._views(ReplayEvent, EventKind.REPLAY)

    def pieces(self) -> Iterator[PieceEvent]:
        """Yield the pieces of training state in order, each where it was other than before."""
        return self._views(PieceEvent, EventKind.PIECE)

    def state_moments(self) -> Iterator[StateMomentEvent]:
        """Yield when training state was looked at, and files of it saved and loaded, in order."""
        return self._views(StateMomentEvent, EventKind.PIECE)

    @property
    def _maker(self) -> ViewMaker:
        contents = self.get_contents()
        return ViewMaker(contents.strings, contents.locations, len(contents.events))

    def _views(
        self, view_type: type[V], *kinds: EventKind, flags: EventFlag | None = None
    ) -> Iterator[V]:
        maker, columns = self._maker, self.columns
        for number in columns.numbers(*kinds, flags=flags).tolist():
            event = maker.view(number, columns.rows[number])
            if isinstance(event, view_type):
                yield event

    def values(self, event: int) -> tuple[TensorValue, ...]:
        """Return the tensors kept of event number `event`, none if there are none that can be used.

        Raises TraceError if the file has changed since the trace was opened.
        """
        return self.get_contents().kept.read(event)


def _of_type(event: Event, view_type: type[V]) -> V:
    if not isinstance(event, view_type):
        kind = event.kind.name.lower()
        raise ValueError(f"event {event.number} is of kind {kind}, no {view_type.__name__}")
    return event


def _return(contents: Contents) -> Contents:
    return contents


def _without_tables(header: WholeHeader) -> Header:
    kept = Header.__annotations__
    return cast(Header, {field: value for field, value in header.items() if field in kept})


def _read_contents(directory: Path, header: WholeHeader) -> tuple[Contents, str, bool]:
    """Return the contents of a trace, what is wrong with its events, and whether some are lost."""
    events, cut, lacks_events = _read_events(directory / EVENTS_FILE, header)
    rows = header["locations"]
    contents = Contents(
        events=events,
        strings=tuple(header["strings"]),
        locations=tuple(
            Location(row["path"], row["line"], row["function"], row["cell"]) for row in rows
        ),
        kept=read_index(directory / VALUES_FILE),
    )
    return contents, cut, lacks_events


def _read_again(directory: Path, events: int) -> Contents:
    """Return the contents of a trace that was opened before, when it had so many events."""
    found, _, _ = _read_contents(directory, read_header(directory))
    if len(found.events) < events:
        refuse(directory / EVENTS_FILE, "it has become shorter since the trace was opened")
    return replace(found, events=found.events[:events])


def _change(row: ChangeRow, locations: tuple[Location, ...]) -> Change:
    place = locations[row["location"]] if row["location"] != NO_LOCATION else None
    return Change(row["what"], row["before"], row["after"], place)


def _read_events(path: Path, header: WholeHeader) -> tuple[Events, str, bool]:
    """Return the valid events, what is wrong with the rest, and whether events may be lost."""
    descriptor, size = open_regular(path)
    whole = size // EVENT.itemsize
    try:
        if size < _MAPPED_FROM_BYTES:
            raw = read_start(path, descriptor, whole * EVENT.itemsize)
            whole = len(raw) // EVENT.itemsize
            found = np.frombuffer(raw, EVENT, whole)
        else:
            found = np.frombuffer(
                mmap.mmap(descriptor, size, access=mmap.ACCESS_READ), EVENT, whole
            )
    except (OSError, ValueError, OverflowError) as error:
        raise TraceError(
            f"cannot read {str(path)!r}: {error}",
            code="trace-unreadable",
            hint="compare fewer traces at a time",
        ) from None
    finally:
        os.close(descriptor)
    bad, why = _first_bad(found, header)
    if bad is not None:
        return (
            found[:bad],
            f"{path.name} is used up to event {bad:,} of {whole:,}: "
            f"the {why} of that event is unknown",
            True,
        )
    lacks_events = header["events"] > whole
    if size % EVENT.itemsize:
        return found, f"{path.name} ends inside event {whole:,}", lacks_events
    if lacks_events:
        return found, f"{path.name} ends after {whole:,} events of {header['events']:,}", True
    return found, "", False


def _first_bad(events: Events, header: WholeHeader) -> tuple[int | None, str]:
    """Return the number of the first event that this version cannot read, and which of its fields
    it is."""
    strings, locations, threads = (
        len(header["strings"]),
        len(header["locations"]),
        len(header["threads"]),
    )
    for start in range(0, len(events), _CHUNK):
        chunk = events[start : start + _CHUNK]
        checks = {
            "kind": ~_KNOWN_KINDS[chunk["kind"]],
            "phase": ~_KNOWN_PHASES[chunk["phase"]],
            "step": chunk["step"] < 0,
            "name": chunk["name"] >= strings,
            "module": chunk["module"] >= strings,
            "location": chunk["location"] >= locations,
            "thread": chunk["thread"] >= threads,
            "text": _HAS_TEXT[chunk["kind"]] & (chunk["aux"] >= strings),
        }
        bad = np.logical_or.reduce(list(checks.values()))
        if bad.any():
            first = int(bad.argmax())
            return start + first, next(field for field, failed in checks.items() if failed[first])
    return None, ""
