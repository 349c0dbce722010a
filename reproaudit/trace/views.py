"""One typed view per kind of event: what the fields of a record mean for that kind, by name.

The table in `trace/schema.py` lists them all. An id or event number that lies outside its table,
which a stranger's trace may hold, reads as empty text, as the unknown line, or as None.
"""

from __future__ import annotations

from dataclasses import dataclass

from reproaudit.model.events import EventFlag, EventKind, LibraryCall, Location, Phase
from reproaudit.model.question import StateKind
from reproaudit.trace import words
from reproaudit.trace.words import Access, LoaderUse, ReplayWay, StateMoment, WorkerMoment

Digest = tuple[int, int]  # the low and the high 64 bits
NOTHING: Digest = (0, 0)


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
    def stage(self) -> Phase:
        """The phase for people: what initialises the model runs in the phase of data or forward."""
        if self.flags & EventFlag.INITIAL:
            return Phase.INITIALISATION
        return self.phase

    @property
    def is_in_thread(self) -> bool:
        """True if another thread than the main one did it."""
        return self.thread != 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpEvent(Event):
    """One dispatched operator. Its digests are combined over all tensors it read and wrote.

    `drew_from` is the 64-bit digest of the generator state that it consumed. `allocated_by` is the
    event that allocated the undefined memory which it read or passed on, `made_by` the event that
    made the memory which was written outside PyTorch before it read it, or that wrote it in another
    thread.
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
        return words.shorten_op(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEvent(Event):
    """A batch, output, gradient, parameter, saved or final tensor.

    `tensor` is its description, "float32[8, 3]". `ranks` are those on which DistributedDataParallel
    keeps copies of it; none where that is not known.
    """

    tensor: str
    digest: Digest
    ranks: tuple[int, ...] = ()

    @property
    def is_digested(self) -> bool:
        return not self.flags & EventFlag.UNDIGESTED


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedEvent(TensorEvent):
    """A tensor of what the program saved. `file` numbers the files, `save` the saves of one."""

    file: int
    save: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaEvent(Event):
    """A module that DistributedDataParallel keeps equal on several ranks; `name` is its class.

    `has_equal_buffers`: its buffers are, too, before each forward pass.
    """

    ranks: tuple[int, ...]
    has_equal_buffers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RngEvent(Event):
    """The state of a global random stream, named `stream`, at the end of a step."""

    state: Digest

    @property
    def stream(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEvent(Event):
    """The state of the stream that decides an epoch, when it began. Numbers count from 1.

    `share` is that of a DistributedSampler, from 0, and `shares` of how many; 0 without one.
    """

    stream: str
    state: Digest
    use: LoaderUse
    loader: int
    iterator: int
    share: int = 0
    shares: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchEvent(Event):
    """The state of a stream before fetching a batch drew from it, in the process that trains."""

    stream: str
    state: Digest
    loader: int
    iterator: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawEvent(Event):
    """An op that drew from a default generator, and 64 bits of the digest of its state; 0: unknown.

    Recorded where ops are not.
    """

    op: str
    module: str
    state: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedEvent(Event):
    """The program has seeded a stream."""

    stream: str
    state: Digest


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
    where the call alone counts. `below` is what the program called of a library that made the call.
    """

    state: Digest
    value: Digest
    shown: str
    below: LibraryCall | None = None

    @property
    def call(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingEvent(Event):
    """A seed or a determinism flag, `what`, was set to `value`.

    `by` is the function of a library that did it, "" for the program. `made` names what had been
    built by then.
    """

    value: str
    by: str
    made: tuple[str, ...]

    @property
    def what(self) -> str:
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
    `outputs` is the value, or the state after it; `shown` a plain value as text.
    """

    inputs: Digest
    outputs: Digest
    shown: str = ""

    @property
    def is_draw(self) -> bool:
        return self.name.startswith(words.STREAM_PREFIX)

    @property
    def is_array_write(self) -> bool:
        """True if a NumPy array was written in place, that of the variable."""
        return EventFlag.OUTSIDE_WRITE in self.flags


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceEvent(Event):
    """A piece of training state as it was at a moment, other than at the last look.

    `file` numbers the save that holds it, 0: none.
    """

    piece: StateKind
    moment: StateMoment
    value: Digest
    shown: str
    file: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateMomentEvent(Event):
    """All pieces of training state have been looked at, or the file called `name` was saved or
    loaded by `writer`. `file` numbers the save."""

    moment: StateMoment | None
    writer: str
    file: int
