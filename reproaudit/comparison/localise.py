"""Where two runs first differ: ops of aligned streams with equal inputs and other outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.align import Alignment
from reproaudit.comparison.call_groups import find_first_drawn, find_first_write, group_by_place
from reproaudit.comparison.columns import are_among, mix
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.main_threads import UNCOMPARED, MainThreads, align_main_threads
from reproaudit.comparison.messages import Delivery, Exchange, Regrouping, mark_messages
from reproaudit.comparison.op_streams import select_ops
from reproaudit.model.events import EventFlag, Location
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run, find_home, pair_traces

_Keys = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]


class Origin(str, Enum):
    """What kind of place a difference is born at."""

    OP = "op"  # equal inputs, different outputs
    RANDOM = "random"  # the op drew from a generator whose state differed
    BIRTH = "birth"  # content that entered PyTorch from outside differed
    UNDEFINED = "undefined"  # the op read memory that nothing had written
    # an input differed although no earlier op's output did: written or made outside PyTorch
    INPUT = "input"
    STRUCTURE = "structure"  # one run executed ops that the other did not
    # all ranks gave the same, and it was reduced in another order or in other parts
    REDUCTION = "reduction"
    # what another rank sent differed, although no recorded op made the difference
    ARRIVAL = "arrival"


_BROUGHT_ALONG = (Origin.INPUT, Origin.STRUCTURE)


@dataclass(frozen=True, slots=True)
class Source:
    """A place where a difference is born, seen in a pair of runs.

    Event numbers are within the named process. `order` is the position in run `a`. `count` calls of
    one op at one line are one source, the first of them: a loop repeats them at every step.
    `allocation` is set for UNDEFINED only: the event that allocated the memory, in run `a`, or in
    `b` where `a` has none. `made_at` is set for INPUT only: where the memory was made that somebody
    wrote outside PyTorch, or where the op `written_by`, of another thread, wrote it. `mixed_by`
    too: the source's op and others stand in another order, and this event, in run `a`, is
    the first whose content depends on it. `messages` is set for REDUCTION where the same was
    reduced in other parts: how many, in the step of the event, in run `a` and in run `b`.
    """

    origin: Origin
    process: str
    event_a: int | None
    event_b: int | None
    order: float
    allocation: int | None = None
    made_at: Location | None = None
    written_by: str | None = None
    mixed_by: int | None = None
    messages: tuple[int, int] | None = None
    count: int = 1

    @classmethod
    def of_op(cls, process: str, event_a: int, event_b: int) -> Source:
        """Return an op that turned equal inputs into other outputs."""
        return cls(
            origin=Origin.OP, process=process, event_a=event_a, event_b=event_b, order=event_a
        )


@dataclass(frozen=True, slots=True)
class Localisation:
    """All sources of one pair of runs, first one first, one per place.

    `aligned`, `only_a`, `only_b` and `carriers` count calls; a carrier's inputs differ already.
    """

    sources: tuple[Source, ...]
    aligned: int
    only_a: int
    only_b: int
    carriers: int

    @property
    def is_equal(self) -> bool:
        return not self.sources


@dataclass(frozen=True, slots=True, eq=False)
class _Process:
    """One process of both runs."""

    label: str
    a: Trace
    b: Trace

    def compared_source(self, origin: Origin, a: int, b: int) -> Source:
        """Return a source at a call that both runs have."""
        return Source(origin=origin, process=self.label, event_a=a, event_b=b, order=a)


def localise(a: Run, b: Run, interned: Interned) -> Localisation:
    """Align the op streams of two runs and return where their differences are born."""
    sources: list[Source] = []
    parts: list[Localisation] = []
    exchange = Exchange(max(a.world, b.world))
    for label, trace_a, trace_b in pair_traces(a, b):
        process = _Process(label, trace_a, trace_b)
        main = _localise_main_thread(process, interned, exchange)
        parts.append(main)
        sources += main.sources
        in_threads = _localise_threads(process, interned)
        if in_threads is not None:
            sources.append(in_threads)
    sources = _add_reductions(sources, exchange)
    return Localisation(
        sources=tuple(_put_in_order(sources, a, b)),
        aligned=sum(part.aligned for part in parts),
        only_a=sum(part.only_a for part in parts),
        only_b=sum(part.only_b for part in parts),
        carriers=sum(part.carriers for part in parts),
    )


def _put_in_order(sources: list[Source], a: Run, b: Run) -> list[Source]:
    """Return the sources, the first one first.

    Ranks have no common order but their steps: the one whose first source lies in an earlier step
    comes first, and in one step the one whose first source is not only what it was given.
    """
    in_processes = sorted(sources, key=lambda source: (source.process, source.order))
    firsts: dict[str, tuple[int, bool, str]] = {}
    for source in in_processes:
        home = find_home(source.process)
        is_given = source.origin in (Origin.INPUT, Origin.STRUCTURE)
        firsts.setdefault(home, (_read_step(source, a, b), is_given, home))
    return sorted(in_processes, key=lambda source: firsts[find_home(source.process)])


def _read_step(source: Source, a: Run, b: Run) -> int:
    run, number = (a, source.event_a) if source.event_a is not None else (b, source.event_b)
    assert number is not None
    return run.trace_of(source.process).event(number).step


# -- between ranks


def _add_reductions(sources: list[Source], exchange: Exchange) -> list[Source]:
    """Add what was born where several ranks reduce, and leave out what only follows from it."""
    for delivery in exchange.list_deliveries():
        origin = Origin.ARRIVAL
        if delivery.is_reordered:
            origin = Origin.REDUCTION
        elif delivery.is_computed:
            origin = Origin.OP
        if origin is not Origin.ARRIVAL or not sources:
            sources.append(_make_source(origin, delivery))
    regroupings = exchange.list_regroupings()
    found: list[Source] = []
    for regrouping in regroupings:
        counts = (regrouping.messages_a, regrouping.messages_b)
        found.append(replace(_make_source(Origin.REDUCTION, regrouping), messages=counts))
    # Other parts bring memory of another size along, and calls in another number. They explain such
    # differences unless something else differs before.
    beginnings = {source.process: source.order for source in found}
    others = [other for other in sources if other.origin not in _BROUGHT_ALONG]
    if found and all(other.order > beginnings.get(other.process, -1) for other in others):
        return [*others, *found]
    return [*sources, *found]


def _make_source(origin: Origin, message: Delivery | Regrouping) -> Source:
    return Source(
        origin=origin,
        process=message.process,
        event_a=message.event_a,
        event_b=message.event_b,
        order=message.event_a,
    )


# -- the main thread


def _localise_main_thread(
    process: _Process, interned: Interned, exchange: Exchange
) -> Localisation:
    both = align_main_threads(process.a, process.b, interned)
    exchange.add(process.label, both.stream_a, both.stream_b, both.alignment)
    events_a = both.events_a
    events_b = both.events_b
    born = np.flatnonzero(both.are_born)
    carriers = np.flatnonzero(~both.inputs_equal)

    sources = []
    made_here = np.flatnonzero(both.are_sources)
    for pair, count in group_by_place(made_here, both.rows_a, both.rows_b):
        source = _classify_birth(process, int(events_a[pair]), int(events_b[pair]))
        sources.append(replace(source, count=count))
    if len(carriers) and (not len(born) or carriers[0] < born[0]):
        # An input differed before any op made a difference: it came in by no op that was compared.
        first = carriers[0]
        source = _classify_input(process, int(events_a[first]), int(events_b[first]))
        if source.origin is Origin.INPUT:
            mixed_by = _find_mixing(both, int(events_a[first]), interned)
            source = replace(source, mixed_by=mixed_by)
        sources.append(source)
    alignment = both.alignment
    structure = _find_first_structure(
        process.label, alignment, both.ops_a.events, both.ops_b.events
    )
    if structure is not None:
        sources.append(structure)
    return Localisation(
        sources=tuple(sources),
        aligned=len(events_a),
        only_a=len(alignment.only_a),
        only_b=len(alignment.only_b),
        carriers=len(carriers),
    )


def _classify_birth(process: _Process, a: int, b: int) -> Source:
    """Return the source at a call whose inputs are equal and whose outputs are not."""
    op_a = process.a.op(a)
    op_b = process.b.op(b)
    if op_a.flags & EventFlag.BIRTH:
        origin = Origin.BIRTH
    elif op_a.flags & EventFlag.RANDOM and op_a.drew_from != op_b.drew_from:
        origin = Origin.RANDOM
    else:
        origin = Origin.OP
    return process.compared_source(origin, a, b)


def _classify_input(process: _Process, a: int, b: int) -> Source:
    """Return the source at a call whose inputs differ although no output did before."""
    op_a = process.a.op(a)
    if op_a.flags & EventFlag.READS_UNDEFINED:
        # A random op has no room for its memory's origin: then the reader stands for it.
        allocation = a if op_a.allocated_by is None else op_a.allocated_by
        source = process.compared_source(Origin.UNDEFINED, a, b)
        return replace(source, allocation=allocation)
    return _add_maker(process.compared_source(Origin.INPUT, a, b), process)


def _find_mixing(both: MainThreads, event: int, interned: Interned) -> int | None:
    """Return the first op of run `a` after an event whose content no op of run `b` has.

    None if the event's own op has no equal in run `b` either: it is not in another order alone.
    """
    ops_a = both.ops_a
    contents = []
    for ops in (ops_a, both.ops_b):
        rows = ops.columns()
        keys = ops.make_keys(interned, step=True)
        contents.append(mix(keys, *rows.input_digests.T, *rows.output_digests.T))
    is_found = are_among(*contents)
    position = int(np.searchsorted(ops_a.events, event))
    if not is_found[position]:
        return None
    is_compared = ~ops_a.columns().have(UNCOMPARED)
    alone = np.flatnonzero(~is_found[position:] & is_compared[position:])
    return int(ops_a.events[position + alone[0]]) if len(alone) else None


def _add_maker(source: Source, process: _Process) -> Source:
    """Add the line that made the memory which was written outside PyTorch before the read.

    Or the op of another thread that wrote it last.
    """
    for trace, number in ((process.a, source.event_a), (process.b, source.event_b)):
        maker = None if number is None else trace.op(number).made_by
        if maker is None:
            continue
        # A trace may come from a stranger, and name an event that it does not have.
        made = trace.event(min(maker, len(trace.events) - 1))
        written_by = None if made.flags & EventFlag.BIRTH else made.name
        return replace(source, made_at=made.location, written_by=written_by)
    return source


def _find_first_structure(
    process: str, alignment: Alignment, events_a: _Numbers, events_b: _Numbers
) -> Source | None:
    """Return the first op that one run has and the other lacks, placed in run `a`'s order.

    `events_a` and `events_b` are the event numbers of what was aligned.
    """
    pairs_a = alignment.pairs_a
    pairs_before_a = _count_pairs_before(alignment.only_a, pairs_a)
    pairs_before_b = _count_pairs_before(alignment.only_b, alignment.pairs_b)
    if pairs_before_a is None and pairs_before_b is None:
        return None
    is_first_in_a = pairs_before_b is None or (
        pairs_before_a is not None and pairs_before_a <= pairs_before_b
    )
    if is_first_in_a:
        event = int(events_a[alignment.only_a[0]])
        # Between the same two pairs: one op stands where the other run has another.
        replaced = pairs_before_a == pairs_before_b
        return Source(
            origin=Origin.STRUCTURE,
            process=process,
            event_a=event,
            event_b=int(events_b[alignment.only_b[0]]) if replaced else None,
            order=event - 0.5,
        )
    assert pairs_before_b is not None
    # Just before the next op that both runs have: what decided may lie anywhere since the last one.
    if pairs_before_b < len(pairs_a):
        after = int(events_a[pairs_a[pairs_before_b]])
    elif len(events_a):
        after = int(events_a[-1]) + 1
    else:
        after = 0
    return Source(
        origin=Origin.STRUCTURE,
        process=process,
        event_a=None,
        event_b=int(events_b[alignment.only_b[0]]),
        order=after - 0.5,
    )


def _count_pairs_before(alone: _Numbers, paired: _Numbers) -> int | None:
    """Return how many pairs come before the first event without a partner; None if all have one."""
    return int(np.searchsorted(paired, alone[0])) if len(alone) else None


# -- all other threads


def _localise_threads(process: _Process, interned: Interned) -> Source | None:
    """Compare the ops of other threads by content: which thread did which work is chance.

    An op of run `a` is matched when run `b` has the same op with equal inputs and outputs. Of the
    rest, one whose inputs were also seen in run `b` is a source; if there is none, the first op
    with unseen inputs is reported.
    """
    ops_a = select_ops(process.a, interned, in_threads=True)
    ops_b = select_ops(process.b, interned, in_threads=True)
    if not len(ops_a.events) or not len(ops_b.events):
        return None
    rows_a = ops_a.columns()
    rows_b = ops_b.columns()
    keys_a = ops_a.make_keys(interned, step=False)
    keys_b = ops_b.make_keys(interned, step=False)
    inputs_a = mix(keys_a, *rows_a.input_digests.T)
    inputs_b = mix(keys_b, *rows_b.input_digests.T)
    whole_a = mix(inputs_a, *rows_a.output_digests.T)
    whole_b = mix(inputs_b, *rows_b.output_digests.T)
    undigested = keys_b[rows_b.have(EventFlag.UNDIGESTED)]
    is_compared = ~rows_a.have(UNCOMPARED) & ~np.isin(keys_a, undigested)
    left = np.flatnonzero(~are_among(whole_a, whole_b) & is_compared)
    messages = left[mark_messages(process.a, rows_a)[left]]
    if not len(left) or (len(messages) and messages[0] == left[0]):
        return None  # nothing, or what another rank sent and what comes after it
    seen = left[are_among(inputs_a[left], inputs_b)]
    if len(seen):
        first = find_first_drawn(rows_a, keys_a, seen)
        partners = np.flatnonzero(inputs_b == inputs_a[first])
    else:
        first = find_first_write(ops_a.trace, ops_a.events[left], left)
        partners = np.flatnonzero(keys_b == keys_a[first])
    event_a = int(ops_a.events[first])
    event_b = int(ops_b.events[partners[0]]) if len(partners) else None
    if not len(seen) or event_b is None:
        read = Source(
            origin=Origin.INPUT,
            process=process.label,
            event_a=event_a,
            event_b=event_b,
            order=event_a,
        )
        return _add_maker(read, process)
    if rows_a.flags[first] & EventFlag.RANDOM:
        # The state was read just before the op drew, and another thread may have drawn in between.
        return process.compared_source(Origin.RANDOM, event_a, event_b)
    return _classify_birth(process, event_a, event_b)
