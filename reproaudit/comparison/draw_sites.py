"""Which lines of a run draw random numbers, from which stream, for what, and in which states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from reproaudit.model.events import EventFlag, EventKind, LibraryCall, Location, Phase
from reproaudit.model.question import StreamUse
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run, find_home, is_worker
from reproaudit.trace.views import NOTHING, EntropyEvent, OpEvent
from reproaudit.trace.words import (
    NUMPY_GENERATOR,
    NUMPY_STATE,
    PYTHON_GENERATOR,
    SEEDINGS,
    LoaderUse,
)

TORCH = "torch"
TORCH_GENERATOR = "torch.Generator"
PYTHON = "random"
NUMPY = "numpy.random"
DISTRIBUTED_SAMPLER = "DistributedSampler"
GLOBAL_STREAMS = (TORCH, PYTHON, NUMPY)
# Of what a line draws, these choose an order or a part of the samples.
_ORDERS = ("shuffle", "permutation", "permuted", "randperm", "sample", "choice")
_OWN_GENERATORS = (PYTHON_GENERATOR, NUMPY_GENERATOR, NUMPY_STATE)
OWN_STREAMS = (*_OWN_GENERATORS, TORCH_GENERATOR)  # a program may make many of each
_TORCH_SEEDINGS = ("torch.manual_seed", "torch.seed")
_BASE_SEED = "aten::random_"  # what each iterator of a DataLoader draws, shuffled or not
# How a DataLoader's streams are named where its epochs begin.
_OF_EPOCHS = {"torch.cpu": TORCH, "generator": TORCH_GENERATOR}


@dataclass(frozen=True, slots=True)
class SiteKey:
    """What draws of several runs are the same by.

    `home` is the label of the process, or of the rank that a worker works for.
    """

    home: str
    is_worker: bool
    stream: str
    use: StreamUse
    location: Location


@dataclass(slots=True)
class Site:
    """All draws of one line from one stream, of one run. `call` is the first of them.

    `states` are digests of what was drawn from, by process; `steps` are those that drew.
    """

    key: SiteKey
    call: str
    first_event: int
    below: LibraryCall | None = None
    states: dict[str, list[int]] = field(default_factory=dict)
    steps: set[int] = field(default_factory=set)

    @property
    def draws(self) -> int:
        return sum(map(len, self.states.values()))

    @property
    def is_in_training(self) -> bool:
        """True if it goes on while the program trains."""
        return self.key.is_worker or len(self.steps) > 1 or max(self.steps, default=0) > 0

    @property
    def chooses(self) -> bool:
        """True if an order, or a part of the samples, is drawn."""
        return self.call.rpartition(".")[2].rpartition("::")[2] in _ORDERS


@dataclass(frozen=True, slots=True)
class _Draw:
    event: int
    step: int
    stream: str
    use: StreamUse
    call: str
    location: Location
    state: int
    below: LibraryCall | None = None


def list_sites(run: Run) -> dict[SiteKey, Site]:
    """Return the lines that draw, in the order of their first draws, the main process first.

    Draws at no known line are left out, and those whose generator has no state.
    """
    sites: dict[SiteKey, Site] = {}
    for process, trace in run.traces:
        home, in_worker = find_home(process), is_worker(process)
        for draw in sorted(_list_draws(trace, in_worker=in_worker), key=_read_event):
            key = SiteKey(
                home=home,
                is_worker=in_worker,
                stream=draw.stream,
                use=draw.use,
                location=draw.location,
            )
            site = sites.get(key)
            if site is None:
                site = Site(key, draw.call, draw.event, draw.below)
                sites[key] = site
            site.states.setdefault(process, []).append(draw.state)
            site.steps.add(draw.step)
    return sites


def _read_event(draw: _Draw) -> int:
    return draw.event


def _list_draws(trace: Trace, *, in_worker: bool) -> Iterator[_Draw]:
    shuffled: dict[tuple[str, int, int], str] = {}  # lines that iterate over a shuffled loader
    for epoch in trace.epochs():
        if epoch.use is LoaderUse.ORDER:
            stream = _OF_EPOCHS.get(epoch.stream, epoch.stream)
            shuffled[epoch.location.code_line] = stream
            yield _Draw(
                event=epoch.number,
                step=epoch.step,
                stream=stream,
                use=StreamUse.ORDER,
                call="torch.utils.data.DataLoader",
                location=epoch.location,
                state=epoch.state[0],
            )
    iterated = {
        trace.locations[number].code_line
        for number in set(trace.columns.location[trace.columns.are(EventKind.BATCH)].tolist())
    }
    begin = _find_begin(trace)
    for op in _list_drawing_ops(trace):
        place = op.known_location
        if place is None or not op.drew_from:
            continue
        is_of_loader = op.phase is Phase.DATA and place.code_line in iterated
        # Its draws are those that the epoch stands for, and of an unshuffled loader nothing else.
        if is_of_loader and not in_worker and op.shown_name.startswith((_BASE_SEED, "aten::rand")):
            continue
        is_own = EventFlag.OWN_GENERATOR in op.flags
        yield _Draw(
            event=op.number,
            step=op.step,
            stream=TORCH_GENERATOR if is_own else TORCH,
            use=StreamUse.DATA if in_worker else _find_use(op, begin),
            call=op.shown_name,
            location=place,
            state=op.drew_from,
        )
    for call in trace.entropy_calls():
        drawn_from = find_stream(call)
        if drawn_from is None or call.known_location is None:
            continue
        is_forward = call.phase is Phase.FORWARD and not in_worker
        yield _Draw(
            event=call.number,
            step=call.step,
            stream=drawn_from,
            use=StreamUse.FORWARD if is_forward else StreamUse.DATA,
            call=call.call,
            location=call.known_location,
            state=call.state[0],
            below=call.below,
        )


def _list_drawing_ops(trace: Trace) -> list[OpEvent]:
    """Return the ops that drew, in order.

    Attention without dropout is marked as random, too, and leaves the default generator as it
    found it: the next draw starts from the same state, and nothing has seeded it in between. An op
    whose every call at a line was followed so drew nothing there.
    """
    seeded = [call.number for call in trace.entropy_calls() if call.name in _TORCH_SEEDINGS]
    numbers = trace.columns.numbers(EventKind.OP, flags=EventFlag.RANDOM).tolist()
    ops = [trace.op(number) for number in numbers]
    default = [op for op in ops if EventFlag.OWN_GENERATOR not in op.flags]
    idle: set[tuple[str, Location]] = set()
    drawing: set[tuple[str, Location]] = set()
    # Of the last one nothing is known.
    for op, following in pairwise(default):
        is_seeded = any(op.number < number < following.number for number in seeded)
        is_idle = op.drew_from == following.drew_from and not is_seeded
        (idle if is_idle else drawing).add((op.name, op.location))
    return [op for op in ops if (op.name, op.location) not in idle - drawing]


def _find_begin(trace: Trace) -> int:
    """Return the number of the first event that a module was called for, or of their end."""
    called = trace.columns.numbers(EventKind.BATCH, EventKind.OUTPUT)
    return int(called[0]) if len(called) else trace.event_count


def _find_use(op: OpEvent, begin: int) -> StreamUse:
    if EventFlag.INITIAL in op.flags:
        return StreamUse.WEIGHTS
    if op.phase is Phase.DATA:
        return StreamUse.DATA
    # What ranks receive from another one is no longer what they have drawn, though it was for that.
    if op.phase is Phase.FORWARD and op.number < begin:
        return StreamUse.WEIGHTS
    return StreamUse.FORWARD if op.phase is Phase.FORWARD else StreamUse.OTHER


def find_stream(call: EntropyEvent) -> str | None:
    """Return the stream that a call draws from; None for a call that draws from none."""
    if call.state == NOTHING or call.name in SEEDINGS:
        return None
    for kind in _OWN_GENERATORS:
        if call.name.startswith(f"{kind}."):
            return kind
    for stream in (PYTHON, NUMPY):
        if call.name.startswith(f"{stream}."):
            return stream
    return None
