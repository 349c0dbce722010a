"""Whether ranks that hold copies of one model hold the same ones, step by step.

Copies are what DistributedDataParallel was given, and what a program averages by itself: there all
gradients are equal on all ranks when the optimizer uses them, though the losses are not. What is
sharded has other gradients on each rank, and is no copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import mix, occurrences
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import EventFlag, EventKind, Location
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import OpEvent
from reproaudit.trace.words import OWN_SHARE, is_loss, read_ranks

_Numbers = npt.NDArray[np.int64]
_Keys = npt.NDArray[np.uint64]
_Marks = npt.NDArray[np.bool_]

Ranks = Mapping[int, Trace]  # the trace of each rank, by its number

_KINDS = (EventKind.GRADIENT, EventKind.PARAMETER, EventKind.STATE, EventKind.BUFFER)
_STEPS_TO_TELL = 2  # with equal gradients and other losses: one may be chance, as zeros are


@dataclass(frozen=True, slots=True)
class Parting:
    """Where copies of one tensor first differ between ranks.

    `parts` are the ranks that hold the same, the part with the lowest rank first. `steps_at` is the
    line where the optimizer steps, `wrapped_at` the one that made the copies; None if not known.
    `is_start`: they differed before the first step. `count` tensors differ so in all. `events` are
    the numbers of the tensor's events, by rank.
    """

    kind: EventKind
    name: str
    step: int
    parts: tuple[tuple[int, ...], ...]
    is_start: bool
    steps_at: Location | None
    wrapped_at: Location | None
    events: Mapping[int, int]
    count: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Tensors:
    """What one rank is compared by, in the order of its trace; equal keys are the same tensor."""

    trace: Trace
    kinds: npt.NDArray[np.uint8]
    names: _Numbers  # common ids
    tensors: _Keys  # of kind, name and description
    keys: _Keys  # of these, and the how manieth of it
    steps: _Numbers
    digests: _Keys
    events: _Numbers

    def take(self, chosen: _Numbers | _Marks) -> _Tensors:
        return _Tensors(
            trace=self.trace,
            kinds=self.kinds[chosen],
            names=self.names[chosen],
            tensors=self.tensors[chosen],
            keys=self.keys[chosen],
            steps=self.steps[chosen],
            digests=self.digests[chosen],
            events=self.events[chosen],
        )


class RankComparison:
    """Compares the ranks of one run with each other."""

    def __init__(self, ranks: Ranks, interned: Interned) -> None:
        self._ranks = ranks
        self._interned = interned
        self._groups = self._group_copies()
        self._is_by_hand: bool | None = None

    @property
    def copied_to(self) -> tuple[tuple[int, ...], ...]:
        """The groups of ranks that DistributedDataParallel gave copies of a model to."""
        return self._groups

    def list_groups(self) -> tuple[tuple[int, ...], ...]:
        """Return the groups of ranks that hold copies of a model, whoever keeps them equal."""
        if self._groups:
            return self._groups
        if self._is_by_hand is None:
            everyone = {rank: self._select(rank, frozenset({""})) for rank in self._ranks}
            self._is_by_hand = len(everyone) > 1 and _average_gradients(everyone)
        return (tuple(sorted(self._ranks)),) if self._is_by_hand else ()

    def find_parting(self) -> Parting | None:
        """Return where the copies of a model first part; None if they stay together.

        Copies that part and come together again are averaged now and then: that is a method.
        """
        for numbers in self.list_groups():
            found = _find_parting(self._select_copies(numbers))
            if found is not None:
                return found
        return None

    def find_parted_buffer(self) -> Parting | None:
        """Return the first buffer that ranks change, each on its own, of those nobody makes equal.

        Only where the ranks hold copies of a model.
        """
        for numbers in self.list_groups():
            found = _find_parted_buffer(self._select_buffers(numbers))
            if found is not None:
                return found
        return None

    # -- who has copies

    def _group_copies(self) -> tuple[tuple[int, ...], ...]:
        """Return the groups of ranks that DistributedDataParallel gave copies to."""
        found: dict[tuple[int, ...], None] = {}
        for trace in self._ranks.values():
            for replica in trace.replicas():
                present = tuple(rank for rank in replica.ranks if rank in self._ranks)
                if len(present) > 1:
                    found[present] = None
        return tuple(found)

    def _select_copies(self, numbers: tuple[int, ...]) -> dict[int, _Tensors]:
        return {rank: self._select(rank, self._words_of(numbers)) for rank in numbers}

    def _select_buffers(self, numbers: tuple[int, ...]) -> dict[int, _Tensors]:
        """Return the buffers of each rank; those of modules that nobody wrapped as well."""
        texts = self._words_of(numbers) | {""}
        found = {}
        for rank in numbers:
            tensors = self._select(rank, texts)
            found[rank] = tensors.take(tensors.kinds == EventKind.BUFFER)
        return found

    def _words_of(self, numbers: tuple[int, ...]) -> frozenset[str]:
        """Return what traces call a group: a rank that left no trace stands in the name, too."""
        if not self._groups:
            return frozenset({""})
        texts = set()
        for trace in self._ranks.values():
            for text in trace.strings:
                named = read_ranks(text)
                if tuple(rank for rank in named if rank in self._ranks) == numbers:
                    texts.add(text)
        return frozenset(texts)

    def _select(self, rank: int, texts: frozenset[str]) -> _Tensors:
        """Return the tensors of a rank whose copies are described by one of the texts."""
        trace = self._ranks[rank]
        columns = trace.columns
        strings, _ = self._interned.ids(trace)
        assert OWN_SHARE not in texts
        is_wanted = np.array([text in texts for text in trace.strings], dtype=np.bool_)
        chosen = columns.numbers(*_KINDS)
        chosen = chosen[is_wanted[columns.module[chosen]]]
        chosen = chosen[(columns.flags[chosen] & EventFlag.UNDIGESTED) == 0]
        kinds = columns.kind[chosen]
        names = strings[columns.name[chosen]]
        tensors = mix(kinds, names, strings[columns.descriptions[chosen].astype(np.int64)])
        return _Tensors(
            trace=trace,
            kinds=kinds,
            names=names,
            tensors=tensors,
            keys=mix(tensors, occurrences(tensors)),
            steps=columns.step[chosen].astype(np.int64),
            digests=columns.output_digests[chosen],
            events=chosen,
        )


def _align(ranks: dict[int, _Tensors]) -> dict[int, _Tensors]:
    """Return what all ranks have, row for row the same tensor, in the order of the first rank."""
    first = ranks[min(ranks)]
    common = reduce(np.intersect1d, (tensors.keys for tensors in ranks.values()))
    rows = {}
    for rank, tensors in ranks.items():
        order = np.argsort(tensors.keys)
        rows[rank] = order[np.searchsorted(tensors.keys[order], common)]
    by_first = np.argsort(first.events[rows[min(ranks)]])
    return {rank: tensors.take(rows[rank][by_first]) for rank, tensors in ranks.items()}


def _mark_equal(aligned: dict[int, _Tensors]) -> _Marks:
    first = aligned[min(aligned)]
    equal = np.ones(len(first.keys), dtype=np.bool_)
    for tensors in aligned.values():
        equal &= (tensors.digests == first.digests).all(axis=1)
    return equal


def _average_gradients(ranks: dict[int, _Tensors]) -> bool:
    """Return True if all ranks use the same gradients though they computed different losses."""
    named = [set(one.tensors[one.kinds == EventKind.GRADIENT].tolist()) for one in ranks.values()]
    if not named[0] or any(names != named[0] for names in named):
        return False
    aligned = _align(ranks)
    first = aligned[min(aligned)]
    is_gradient = first.kinds == EventKind.GRADIENT
    equal = _mark_equal(aligned)
    steps = set(first.steps[is_gradient].tolist())
    unequal = set(first.steps[is_gradient & ~equal].tolist())
    losses = [_read_losses(one.trace) for one in ranks.values()]
    telling = 0
    for step in steps - unequal:
        seen = {loss.get(step) for loss in losses}
        telling += len(seen) > 1 and None not in seen
    return telling >= min(_STEPS_TO_TELL, len(steps))


def _read_losses(trace: Trace) -> dict[int, tuple[tuple[int, int], ...]]:
    """Return the digests of the losses of each step."""
    found: dict[int, tuple[tuple[int, int], ...]] = {}
    for event in trace.tensors():
        if event.kind is EventKind.OUTPUT and is_loss(event.name):
            found[event.step] = (*found.get(event.step, ()), event.digest)
    return found


def _find_parting(ranks: dict[int, _Tensors]) -> Parting | None:
    aligned = _align(ranks)
    first = aligned[min(aligned)]
    equal = _mark_equal(aligned)
    parameters = first.names[first.kinds == EventKind.PARAMETER]
    # What an optimizer first finds of its parameters has their names.
    is_copy = np.isin(first.names, parameters) & (first.kinds != EventKind.GRADIENT)
    parted_at = _find_last_parting(first, is_copy, equal)
    if parted_at is None:
        return None
    is_listed = ~equal & (first.steps >= parted_at) & (first.kinds != EventKind.BUFFER)
    at = int(np.flatnonzero(is_listed)[0])
    is_start = bool(is_copy[at]) and first.kinds[at] == EventKind.STATE
    return _describe(aligned, at, count=_count_alike(first, is_listed, at), is_start=is_start)


def _find_last_parting(first: _Tensors, is_copy: _Marks, equal: _Marks) -> int | None:
    """Return the step at which the copies part for good; None if they do not.

    None, too, if they came together again before: then they may at the next step.
    """
    ever = np.isin(first.tensors, first.tensors[is_copy & ~equal])
    names = first.names[is_copy & ever]
    rows = np.flatnonzero(is_copy & np.isin(first.names, names))
    parted: set[int] = set()
    start: int | None = None
    last_step = -1
    for name, step, is_equal in zip(
        first.names[rows].tolist(), first.steps[rows].tolist(), equal[rows].tolist(), strict=True
    ):
        if step != last_step and start is not None and not parted:
            return None
        last_step = step
        if is_equal:
            parted.discard(name)
        else:
            parted.add(name)
            if start is None:
                start = step
    return start if parted else None


def _find_parted_buffer(ranks: dict[int, _Tensors]) -> Parting | None:
    aligned = _align(ranks)
    first = aligned[min(aligned)]
    equal = _mark_equal(aligned)
    candidates = []
    for tensor in np.unique(first.tensors[~equal]).tolist():
        rows = np.flatnonzero(first.tensors == tensor)
        # A number of the rank's own, which never changes, is meant to differ.
        changes = any(len(np.unique(one.digests[rows], axis=0)) > 1 for one in aligned.values())
        if changes and not equal[rows[-1]]:
            candidates.append(int(rows[~equal[rows]][0]))
    if not candidates:
        return None
    return _describe(aligned, min(candidates), count=len(candidates))


def _count_alike(first: _Tensors, is_listed: _Marks, at: int) -> int:
    """Return how many tensors of one kind part at one step."""
    is_alike = (first.kinds == first.kinds[at]) & (first.steps == first.steps[at])
    return len(np.unique(first.tensors[is_listed & is_alike]))


def _describe(
    aligned: dict[int, _Tensors], at: int, *, count: int, is_start: bool = False
) -> Parting:
    numbers = sorted(aligned)
    first = aligned[numbers[0]]
    trace = first.trace
    parts: dict[tuple[int, ...], list[int]] = {}
    for rank in numbers:
        digest = tuple(aligned[rank].digests[at].tolist())
        parts.setdefault(digest, []).append(rank)
    event = trace.tensor(int(first.events[at]))
    wrapped = [replica.known_location for replica in trace.replicas()]
    return Parting(
        kind=event.kind,
        name=event.name,
        step=event.step,
        parts=tuple(tuple(part) for part in parts.values()),
        is_start=is_start,
        steps_at=_find_step_line(trace, event.name, event.step),
        wrapped_at=wrapped[0] if wrapped else None,
        events={rank: int(aligned[rank].events[at]) for rank in numbers},
        count=count,
    )


def _find_step_line(trace: Trace, name: str, step: int) -> Location | None:
    """Return the line where the optimizer of a tensor steps; any that steps if it is not known."""
    found: Location | None = None
    for number in trace.columns.numbers(EventKind.STATE, EventKind.BUFFER).tolist():
        event = trace.tensor(number)
        if event.step > step and found is not None:
            break
        if event.name == name:
            return event.known_location
        found = found or event.known_location
    return found


def find_writer(trace: Trace, event: int) -> OpEvent | None:
    """Return the last op before the event of a tensor that left just its content; None if none did.

    An op that writes several tensors at once, as those of optimizers, has no content of one.
    """
    columns = trace.columns.take(slice(0, event))
    digest = trace.columns.output_digests[event]
    wrote = columns.are(EventKind.OP) & (columns.output_digests == digest).all(axis=1)
    numbers = np.flatnonzero(wrote)
    return trace.op(int(numbers[-1])) if len(numbers) else None
