"""One typed view per kind of event: what the fields of a record mean for that kind, by name.

The table in `trace/schema.py` lists them all. An id or event number that lies outside its table,
which a stranger's trace may hold, reads as empty text, as the unknown line, or as None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from reproaudit.model.events import EventFlag, EventKind, Location, Phase
from reproaudit.trace import words
from reproaudit.trace.schema import NO_LOCATION
from reproaudit.trace.words import Access, LoaderUse, ReplayWay, WorkerMoment

Digest = tuple[int, int]  # the low and the high 64 bits
NOTHING: Digest = (0, 0)
_DEFAULT_OVERLOAD = ".default"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all events have. `number` is the place in the trace, `thread` 0 the main thread.

    `location` is the user's line; where it is unknown its `line` is 0.
    """

    number: int
    kind: EventKind
    phase: Phase
    flags: EventFlag
    step: int
    name: str
    thread: int
    location: Location

    @property
    def known_location(self) -> Location | None:
        return self.location if self.location.line > 0 else None

    @property
    def is_in_thread(self) -> bool:
        """True if another thread than the main one did it."""
        return self.thread != 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpEvent(Event):
    """One dispatched operator. Its digests are combined over all tensors it read and wrote.

    `drew_from` is the 64-bit digest of the generator state that it consumed. `allocated_by` is the
    event that allocated the undefined memory which it read or passed on, `made_by` the event that
    made the memory which was written outside PyTorch before it read it.
    """

    module: str
    inputs: Digest
    outputs: Digest
    outputs_count: int
    drew_from: int | None
    allocated_by: int | None
    made_by: int | None

    @property
    def shown_name(self) -> str:
        """The name without a default overload: `aten::mm.default` reads `aten::mm`."""
        return self.name.removesuffix(_DEFAULT_OVERLOAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEvent(Event):
    """A batch, output, gradient or parameter. `tensor` is its description, "float32[8, 3]"."""

    tensor: str
    digest: Digest

    @property
    def is_digested(self) -> bool:
        return not self.flags & EventFlag.UNDIGESTED


@dataclass(frozen=True, slots=True, kw_only=True)
class RngEvent(Event):
    """The state of a global random stream, named `stream`, at the end of a step."""

    state: Digest

    @property
    def stream(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEvent(Event):
    """The state of the stream that decides an epoch, when it began. Numbers count from 1."""

    stream: str
    state: Digest
    use: LoaderUse
    loader: int
    iterator: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEvent(Event):
    """The state of a stream in a worker of a DataLoader, during one epoch."""

    stream: str
    state: Digest
    use: LoaderUse
    loader: int
    iterator: int
    worker: int
    moment: WorkerMoment
    batches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LateSeedEvent(Event):
    """A stream was seeded after numbers had been drawn from it."""

    stream: str
    state: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent(Event):
    """An op that the determinism flag refuses, with PyTorch's message."""

    module: str
    message: str

    @property
    def op(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class RaceSide:
    """One use of a tensor: the op, and the user's line."""

    op: str
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceEvent(Event):
    """Two uses of one tensor that nothing orders. `is_with_host`: one of the two is the host's.

    The event is the later use; `other` is the earlier one. `message` goes before the latter.
    """

    module: str
    message: str
    other: RaceSide
    is_with_host: bool

    @property
    def op(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class EntropyEvent(Event):
    """A call that brought the outside world in. `shown` is what it returned, as short text.

    `state` is that of the generator it drew from, NOTHING where it has none. `value` is NOTHING
    where the call alone counts.
    """

    state: Digest
    value: Digest
    shown: str

    @property
    def call(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEvent(Event):
    """A file that the program opened. `shown` is its path for people, `path` the absolute one.

    `access` is None if the trace names one that this version does not know. `content` is NOTHING
    where the file was not read, was too large, or is no regular file.
    """

    path: str
    access: Access | None
    content: Digest

    @property
    def shown(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEvent(Event):
    """What a statement of the program did: RAN, or a variable, a returned value or a draw.

    `inputs` combines what the statement read, or is the state of the stream before the draw;
    `outputs` is the value, or the state after it.
    """

    inputs: Digest
    outputs: Digest

    @property
    def is_draw(self) -> bool:
        return self.name.startswith(words.STREAM_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayEvent(Event):
    """An op that was repeated on its own inputs: `made` times, `differing` of them otherwise.

    None made: the op refused to run that way, or there is no such way. `repeated` is the number of
    the op's event. `way` is None if the trace names one that this version does not know.
    """

    way: ReplayWay | None
    repeated: int
    made: int
    differing: int

    @property
    def op(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class ViewMaker:
    """Makes views of the records of one trace, whose tables it holds."""

    strings: Sequence[str]
    locations: Sequence[Location]
    events: int  # in the trace

    def view(self, number: int, row: np.void) -> Event:
        """Return the view of event `number`, whose record is `row`."""
        return _MAKERS[EventKind(int(row["kind"]))](self, number, row)

    def text(self, number: int) -> str:
        return self.strings[number] if number < len(self.strings) else ""

    def place(self, number: int) -> Location:
        return self.locations[number if number < len(self.locations) else NO_LOCATION]

    def event_number(self, number: int) -> int | None:
        return number if number < self.events else None


def _common(maker: ViewMaker, number: int, row: np.void) -> dict[str, Any]:
    return {
        "number": number,
        "kind": EventKind(int(row["kind"])),
        "phase": Phase(int(row["phase"])),
        "flags": EventFlag(int(row["flags"])),
        "step": int(row["step"]),
        "name": maker.text(int(row["name"])),
        "thread": int(row["thread"]),
        "location": maker.place(int(row["location"])),
    }


def _pair(row: np.void, field: str) -> Digest:
    low, high = row[field].tolist()
    return low, high


def _member(kind: Callable[[Any], T], value: object) -> T | None:
    try:
        return kind(value)
    except ValueError:
        return None


def _op(maker: ViewMaker, number: int, row: np.void) -> OpEvent:
    common = _common(maker, number, row)
    flags = common["flags"]
    aux = int(row["aux"])
    # One field has room for one of the three. A random op says what it drew from, whatever it read.
    is_random = bool(flags & EventFlag.RANDOM)
    about_memory = None if is_random else maker.event_number(aux)
    is_undefined = flags & (EventFlag.READS_UNDEFINED | EventFlag.UNDEFINED)
    return OpEvent(
        **common,
        module=maker.text(int(row["module"])),
        inputs=_pair(row, "inputs"),
        outputs=_pair(row, "outputs"),
        outputs_count=int(row["count"]),
        drew_from=aux if is_random else None,
        allocated_by=about_memory if is_undefined else None,
        made_by=about_memory if flags & EventFlag.OUTSIDE_WRITE else None,
    )


def _tensor(maker: ViewMaker, number: int, row: np.void) -> TensorEvent:
    return TensorEvent(
        **_common(maker, number, row),
        tensor=maker.text(int(row["aux"])),
        digest=_pair(row, "outputs"),
    )


def _rng(maker: ViewMaker, number: int, row: np.void) -> Event:
    common = _common(maker, number, row)
    state = _pair(row, "outputs")
    name: str = common["name"]
    loader, iterator = _pair(row, "inputs")
    use = _member(LoaderUse, maker.text(int(row["module"]))) or LoaderUse.SEEDS
    if name.startswith(words.EPOCH_PREFIX):
        return EpochEvent(
            **common,
            stream=name.removeprefix(words.EPOCH_PREFIX),
            state=state,
            use=use,
            loader=loader,
            iterator=iterator,
        )
    if name.startswith(words.LATE_SEED_PREFIX):
        stream = name.removeprefix(words.LATE_SEED_PREFIX)
        return LateSeedEvent(**common, stream=stream, state=state)
    stream, _, when = name.removeprefix(words.WORKER_PREFIX).rpartition(":")
    moment = _member(WorkerMoment, when)
    if name.startswith(words.WORKER_PREFIX) and moment is not None:
        return WorkerEvent(
            **common,
            stream=stream,
            state=state,
            use=use,
            loader=loader,
            iterator=iterator,
            worker=int(row["aux"]),
            moment=moment,
            batches=int(row["count"]),
        )
    return RngEvent(**common, state=state)


def _alert(maker: ViewMaker, number: int, row: np.void) -> Event:
    common = _common(maker, number, row)
    module = maker.text(int(row["module"]))
    message = maker.text(int(row["aux"]))
    if not common["flags"] & EventFlag.RACED:
        return AlertEvent(**common, module=module, message=message)
    other_op, other_place = _pair(row, "inputs")
    return RaceEvent(
        **common,
        module=module,
        message=message,
        other=RaceSide(maker.text(other_op), maker.place(other_place)),
        is_with_host=bool(_pair(row, "outputs")[0]),
    )


def _entropy(maker: ViewMaker, number: int, row: np.void) -> EntropyEvent:
    return EntropyEvent(
        **_common(maker, number, row),
        state=_pair(row, "inputs"),
        value=_pair(row, "outputs"),
        shown=maker.text(int(row["aux"])),
    )


def _file(maker: ViewMaker, number: int, row: np.void) -> FileEvent:
    return FileEvent(
        **_common(maker, number, row),
        path=maker.text(int(row["module"])),
        access=_member(Access, maker.text(int(row["aux"]))),
        content=_pair(row, "outputs"),
    )


def _line(maker: ViewMaker, number: int, row: np.void) -> LineEvent:
    return LineEvent(
        **_common(maker, number, row),
        inputs=_pair(row, "inputs"),
        outputs=_pair(row, "outputs"),
    )


def _replay(maker: ViewMaker, number: int, row: np.void) -> ReplayEvent:
    made, differing = _pair(row, "inputs")
    return ReplayEvent(
        **_common(maker, number, row),
        way=_member(ReplayWay, int(row["count"])),
        repeated=int(row["aux"]),
        made=made,
        differing=differing,
    )


_MAKERS: dict[EventKind, Callable[[ViewMaker, int, np.void], Event]] = {
    EventKind.OP: _op,
    EventKind.BATCH: _tensor,
    EventKind.OUTPUT: _tensor,
    EventKind.GRADIENT: _tensor,
    EventKind.PARAMETER: _tensor,
    EventKind.RNG: _rng,
    EventKind.ALERT: _alert,
    EventKind.ENTROPY: _entropy,
    EventKind.FILE: _file,
    EventKind.LINE: _line,
    EventKind.REPLAY: _replay,
}
