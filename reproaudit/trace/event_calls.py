"""What a trace's writer can be told: one typed call for each kind of event but operators.

The table in `trace/schema.py` lists how each kind uses the fields of a record.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from reproaudit.model.events import EventFlag, EventKind, LibraryCall
from reproaudit.model.question import StateKind
from reproaudit.trace.schema import NO_LOCATION, NO_STRING
from reproaudit.trace.words import (
    DRAW_PREFIX,
    EPOCH_PREFIX,
    FETCH_PREFIX,
    LATE_SEED_PREFIX,
    MADE_SEPARATOR,
    SEED_PREFIX,
    SHARE_BITS,
    WORKER_PREFIX,
    Access,
    LoaderUse,
    ReplayWay,
    StateMoment,
    WorkerMoment,
    write_library_call,
)

Digest = tuple[int, int]  # the low and the high 64 bits
PackedDigest = bytes  # the same as a record holds it: 16 bytes, little-endian
_NO_FLAGS = EventFlag(0)
_digest = struct.Struct("<QQ")
# Makes the record of an operator of the fields of `schema.EVENT_FIELDS`, the digests packed.
# `count` is the number of tensors that `outputs` combines. `aux` is what the flags say: the 64-bit
# digest of the generator state that it drew from, the event that allocated the undefined memory it
# read, or the event that made the memory which was written outside.
pack_op = struct.Struct("<BBHiIIIHHQ16s16s").pack


def pack_digest(digest: Digest) -> PackedDigest:
    return _digest.pack(*digest)


def unpack_digest(packed: PackedDigest) -> Digest:
    low, high = _digest.unpack(packed)
    return low, high


@dataclass(frozen=True, slots=True)
class Moment:
    """When and where an event happened: `location` and `thread` are ids of this trace's tables."""

    phase: int
    step: int
    location: int = NO_LOCATION
    thread: int = 0


class EventCalls(ABC):
    """Puts the facts of each kind of event into the fields that its record has.

    Every call returns the number of the event.
    """

    @abstractmethod
    def string(self, text: str) -> int:
        """Return the id of a text."""

    @abstractmethod
    def append(
        self,
        kind: EventKind,
        *,
        at: Moment,
        flags: int = 0,
        name: int = NO_STRING,
        module: int = NO_STRING,
        count: int = 1,
        aux: int = 0,
        inputs: Digest = (0, 0),
        outputs: Digest = (0, 0),
    ) -> int:
        """Append an event of any kind by the fields of `schema.EVENT_FIELDS`."""

    def add_tensor(
        self,
        kind: EventKind,
        *,
        at: Moment,
        name: str,
        tensor: str,
        digest: Digest,
        flags: EventFlag = _NO_FLAGS,
        saved: tuple[int, int] = (0, 0),
        ranks: str = "",
    ) -> int:
        """Append a boundary tensor; `tensor` describes it: "float32[8, 3]".

        `saved` numbers the file of a saved tensor, and the save of that file, both from 1. `ranks`
        are those that hold copies of it (`words.write_ranks`), or OWN_SHARE.
        """
        return self.append(
            kind,
            at=at,
            flags=flags,
            name=self.string(name),
            module=self.string(ranks),
            aux=self.string(tensor),
            inputs=saved,
            outputs=digest,
        )

    def add_replica(self, *, at: Moment, name: str, ranks: str, has_equal_buffers: bool) -> int:
        """Append a module that DistributedDataParallel keeps equal on these ranks.

        `has_equal_buffers`: its buffers are, too, before each forward pass.
        """
        return self.append(
            EventKind.REPLICA,
            at=at,
            name=self.string(name),
            module=self.string(ranks),
            aux=int(has_equal_buffers),
        )

    def add_stream_state(self, *, at: Moment, stream: str, state: Digest) -> int:
        """Append the state of a global random stream."""
        return self.append(EventKind.RNG, at=at, name=self.string(stream), outputs=state)

    def add_epoch(
        self,
        *,
        at: Moment,
        stream: str,
        state: Digest,
        use: LoaderUse,
        iteration: tuple[int, int],
        share: tuple[int, int] = (0, 0),
    ) -> int:
        """Append the state of the stream that decides an epoch, which begins.

        `iteration` numbers the DataLoader and its iterator. `share` is what a DistributedSampler
        takes: the number of its share, and of how many.
        """
        number, shares = share
        return self.append(
            EventKind.RNG,
            at=at,
            name=self.string(f"{EPOCH_PREFIX}{stream}"),
            module=self.string(use.value),
            aux=number | shares << SHARE_BITS,
            inputs=iteration,
            outputs=state,
        )

    def add_fetch(
        self, *, at: Moment, stream: str, state: Digest, iteration: tuple[int, int]
    ) -> int:
        """Append the state of a stream that fetching a batch then drew from."""
        return self.append(
            EventKind.RNG,
            at=at,
            name=self.string(f"{FETCH_PREFIX}{stream}"),
            inputs=iteration,
            outputs=state,
        )

    def add_draw(self, *, at: Moment, op: str, module: int, state: int) -> int:
        """Append an op that drew from a default generator, where ops are not recorded.

        `module` is given as an id, `state` are 64 bits of its digest.
        """
        name = self.string(f"{DRAW_PREFIX}{op}")
        return self.append(EventKind.RNG, at=at, name=name, module=module, outputs=(state, 0))

    def add_seed(self, *, at: Moment, stream: str, state: Digest) -> int:
        """Append that the program has seeded a stream."""
        name = self.string(f"{SEED_PREFIX}{stream}")
        return self.append(EventKind.RNG, at=at, name=name, outputs=state)

    def add_worker_state(
        self,
        *,
        at: Moment,
        stream: str,
        state: Digest,
        use: LoaderUse,
        iteration: tuple[int, int],
        worker: int,
        moment: WorkerMoment,
        batches: int,
    ) -> int:
        """Append the state of a stream in a DataLoader's worker, which has made `batches`."""
        return self.append(
            EventKind.RNG,
            at=at,
            name=self.string(f"{WORKER_PREFIX}{stream}:{moment.value}"),
            module=self.string(use.value),
            count=max(1, batches),
            aux=worker,
            inputs=iteration,
            outputs=state,
        )

    def add_late_seed(self, *, at: Moment, stream: str, state: Digest) -> int:
        """Append that a stream was seeded after numbers were drawn from it."""
        name = self.string(f"{LATE_SEED_PREFIX}{stream}")
        return self.append(EventKind.RNG, at=at, name=name, outputs=state)

    def add_alert(self, *, at: Moment, op: str, module: int, message: str) -> int:
        """Append an op that the determinism flag refuses, in the module with this id."""
        return self.append(
            EventKind.ALERT,
            at=at,
            name=self.string(op),
            module=module,
            count=0,
            aux=self.string(message),
        )

    def add_race(
        self,
        *,
        at: Moment,
        op: int,
        module: int,
        message: str,
        other_op: int,
        other_location: int,
        is_with_host: bool,
    ) -> int:
        """Append two uses of one tensor that nothing orders. Names and lines are given as ids.

        `message` says what the use at `at` does to the tensor, and leads over to the other one.
        """
        return self.append(
            EventKind.ALERT,
            at=at,
            flags=EventFlag.RACED,
            name=op,
            module=module,
            count=0,
            aux=self.string(message),
            inputs=(other_op, other_location),
            outputs=(int(is_with_host), 0),
        )

    def add_entropy(
        self,
        *,
        at: Moment,
        call: str,
        state: Digest,
        value: Digest,
        shown: str,
        below: LibraryCall | None = None,
    ) -> int:
        """Append a call that brought the outside world in: what it drew from, what it returned.

        `below` is what the program called of a library that made the call.
        """
        library = write_library_call(below)
        return self.append(
            EventKind.ENTROPY,
            at=at,
            name=self.string(call),
            module=self.string(library),
            aux=self.string(shown),
            inputs=state,
            outputs=value,
        )

    def add_setting(
        self, *, at: Moment, what: str, value: str, by: str, made: Iterable[str]
    ) -> int:
        """Append that a seed or a flag was set: `by` a function of a library, "" for the program.

        `made` names what had been built by then.
        """
        return self.append(
            EventKind.SETTING,
            at=at,
            name=self.string(what),
            module=self.string(by),
            aux=self.string(value),
            inputs=(self.string(MADE_SEPARATOR.join(made)), 0),
        )

    def add_file(
        self, *, at: Moment, shown: str, path: str, access: Access, content: Digest
    ) -> int:
        """Append what the program did with a file: its path for people, and the absolute one."""
        return self.append(
            EventKind.FILE,
            at=at,
            name=self.string(shown),
            module=self.string(path),
            aux=self.string(access.value),
            outputs=content,
        )

    def add_line(
        self,
        *,
        at: Moment,
        name: str,
        inputs: Digest,
        outputs: Digest,
        flags: int = 0,
        shown: str = "",
    ) -> int:
        """Append what a statement did: RAN, a variable, RETURN or a draw from a stream.

        `shown` is a plain value as text.
        """
        return self.append(
            EventKind.LINE,
            at=at,
            flags=flags,
            name=self.string(name),
            aux=self.string(shown),
            inputs=inputs,
            outputs=outputs,
        )

    def add_replay(
        self, *, at: Moment, op: str, way: ReplayWay, repeated: int, made: int, differing: int
    ) -> int:
        """Append one way of repeating the op of event `repeated`, and how often it differed."""
        return self.append(
            EventKind.REPLAY,
            at=at,
            name=self.string(op),
            count=int(way),
            aux=repeated,
            inputs=(made, differing),
        )

    def add_piece(
        self,
        *,
        at: Moment,
        kind: StateKind,
        name: str,
        moment: StateMoment,
        digest: Digest,
        shown: str = "",
        file: int = 0,
    ) -> int:
        """Append a piece of training state as it is now.

        `shown` is a short value as text. `file` numbers the save of a file, from 1, that holds it.
        """
        return self.append(
            EventKind.PIECE,
            at=at,
            name=self.string(name),
            module=self.string(kind.value),
            aux=self.string(shown),
            inputs=(int(moment), file),
            outputs=digest,
        )

    def add_state_moment(
        self, *, at: Moment, moment: StateMoment, path: str = "", writer: str = "", file: int = 0
    ) -> int:
        """Append that all pieces were looked at, or that a file of them was saved or loaded."""
        return self.append(
            EventKind.PIECE,
            at=at,
            name=self.string(path),
            module=self.string(writer),
            inputs=(int(moment), file),
        )
