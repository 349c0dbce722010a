"""Makes the typed view of a record: the only place that reads the fields of one by their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from reproaudit.model.events import EventFlag, EventKind, Location, Phase
from reproaudit.model.question import StateKind
from reproaudit.trace import words
from reproaudit.trace.schema import NO_LOCATION
from reproaudit.trace.views import (
    AlertEvent,
    Digest,
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
    RaceSide,
    ReplayEvent,
    ReplicaEvent,
    RngEvent,
    SavedEvent,
    SeedEvent,
    SettingEvent,
    StateMomentEvent,
    TensorEvent,
    WorkerEvent,
)
from reproaudit.trace.words import (
    Access,
    LoaderUse,
    ReplayWay,
    StateMoment,
    WorkerMoment,
    read_library_call,
)

T = TypeVar("T")
_SHARE_MASK = (1 << words.SHARE_BITS) - 1


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
        ranks=words.read_ranks(maker.text(int(row["module"]))),
    )


def _replica(maker: ViewMaker, number: int, row: np.void) -> ReplicaEvent:
    return ReplicaEvent(
        **_common(maker, number, row),
        ranks=words.read_ranks(maker.text(int(row["module"]))),
        has_equal_buffers=bool(row["aux"]),
    )


def _saved(maker: ViewMaker, number: int, row: np.void) -> SavedEvent:
    file, save = _pair(row, "inputs")
    return SavedEvent(
        **_common(maker, number, row),
        tensor=maker.text(int(row["aux"])),
        digest=_pair(row, "outputs"),
        file=file,
        save=save,
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
            share=int(row["aux"]) & _SHARE_MASK,
            shares=int(row["aux"]) >> words.SHARE_BITS,
        )
    if name.startswith(words.FETCH_PREFIX):
        stream = name.removeprefix(words.FETCH_PREFIX)
        return FetchEvent(**common, stream=stream, state=state, loader=loader, iterator=iterator)
    if name.startswith(words.DRAW_PREFIX):
        return DrawEvent(
            **common,
            op=name.removeprefix(words.DRAW_PREFIX),
            module=maker.text(int(row["module"])),
            state=state[0],
        )
    if name.startswith(words.SEED_PREFIX):
        return SeedEvent(**common, stream=name.removeprefix(words.SEED_PREFIX), state=state)
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
        below=read_library_call(maker.text(int(row["module"]))),
    )


def _setting(maker: ViewMaker, number: int, row: np.void) -> SettingEvent:
    made = maker.text(_pair(row, "inputs")[0])
    return SettingEvent(
        **_common(maker, number, row),
        value=maker.text(int(row["aux"])),
        by=maker.text(int(row["module"])),
        made=tuple(made.split(words.MADE_SEPARATOR)) if made else (),
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
        shown=maker.text(int(row["aux"])),
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


def _piece(maker: ViewMaker, number: int, row: np.void) -> Event:
    common = _common(maker, number, row)
    moment_number, file = _pair(row, "inputs")
    moment = _member(StateMoment, moment_number)
    module = maker.text(int(row["module"]))
    piece = _member(StateKind, module)
    if moment is None or piece is None:
        return StateMomentEvent(**common, moment=moment, writer=module, file=file)
    return PieceEvent(
        **common,
        piece=piece,
        moment=moment,
        value=_pair(row, "outputs"),
        shown=maker.text(int(row["aux"])),
        file=file,
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
    EventKind.SAVED: _saved,
    EventKind.FINAL: _tensor,
    EventKind.REPLICA: _replica,
    EventKind.BUFFER: _tensor,
    EventKind.STATE: _tensor,
    EventKind.PIECE: _piece,
    EventKind.SETTING: _setting,
}
