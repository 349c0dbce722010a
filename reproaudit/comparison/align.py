"""Which events of two streams belong together, when one stream gained or lost events anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]
AnyIntegers = npt.NDArray[Any]
Run = tuple[int, int, int]  # position in a, position in b, number of equal keys from there on

# Events without a partner up to which a block is aligned exactly.
EXACT_EDITS = 1024  # where the block is the whole stream
GAP_EDITS = 128  # where it is a gap between two anchors
# Lengths of the stretches of equal keys on which streams that are further apart are brought
# together again.
ANCHOR_LENGTHS = (32, 8)
UNREACHED = -(1 << 40)  # so low that no number of edits makes it a position
WINDOW = 32  # keys that are compared on all diagonals at once
CALL_COST = 4096  # what following one diagonal costs besides its comparisons, in comparisons
FIRST_SEARCH = 256  # places that are looked at first; each further look is at four times as many
LARGEST_SEARCH = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Aligned pairs, and the events of each stream that have no partner. All of them rise."""

    pairs_a: Indices
    pairs_b: Indices
    only_a: Indices
    only_b: Indices


@dataclass(slots=True)
class _Budget:
    """What exact alignment may still cost: counted, not timed, so equal streams align alike."""

    rounds: int
    comparisons: int


def align(a: AnyIntegers, b: AnyIntegers) -> Alignment:
    """Pair the events of two streams of integer keys, one per event, so that paired keys are equal.

    Between the common beginning and the common end the pairs are a longest common subsequence
    (Myers, "An O(ND) Difference Algorithm", 1986), as long as at most EXACT_EDITS events lack a
    partner and the budget lasts. Streams further apart are walked: from each point of difference to
    the nearest place where ANCHOR_LENGTHS[0] keys in a row are equal; the gaps between are aligned
    exactly, then by shorter anchors, then left without partners. Time and memory stay within n log
    n. Swapping the streams swaps the result.
    """
    keys_a, keys_b = _as_keys(a), _as_keys(b)
    # A walk breaks its ties one way round, so the streams are always taken in the same order.
    swapped = _comes_first(keys_b, keys_a)
    if swapped:
        keys_a, keys_b = keys_b, keys_a
    size = len(keys_a) + len(keys_b)
    budget = _Budget(rounds=4 * EXACT_EDITS + size // 64, comparisons=(1 << 26) + 16 * size)
    found = _block_runs(keys_a, keys_b, anchors=ANCHOR_LENGTHS, edits=EXACT_EDITS, budget=budget)
    runs = np.array(list(found), dtype=np.int64).reshape(-1, 3)
    pairs_a, pairs_b = _expand(runs)
    only_a = _find_alone(len(keys_a), pairs_a)
    only_b = _find_alone(len(keys_b), pairs_b)
    if swapped:
        return Alignment(pairs_b, pairs_a, only_b, only_a)
    return Alignment(pairs_a, pairs_b, only_a, only_b)


def _as_keys(stream: AnyIntegers) -> Keys:
    if stream.ndim != 1 or stream.dtype.kind not in "iu":
        raise ValueError(
            f"cannot align {stream.dtype}{list(stream.shape)}: keys are integers in one dimension"
        )
    return np.ascontiguousarray(stream).astype(np.uint64, copy=False)


def _comes_first(a: Keys, b: Keys) -> bool:
    if len(a) != len(b):
        return len(a) < len(b)
    same = _common_prefix(a, b)
    return same < len(a) and bool(a[same] < b[same])


def _expand(runs: Indices) -> tuple[Indices, Indices]:
    """Return the positions of every pair; `runs` has shape [runs, 3]."""
    starts_a, starts_b, lengths = runs.T
    pairs_before = np.cumsum(lengths) - lengths
    within = np.arange(lengths.sum()) - np.repeat(pairs_before, lengths)
    pairs_a = np.repeat(starts_a, lengths) + within
    pairs_b = np.repeat(starts_b, lengths) + within
    return pairs_a, pairs_b


def _find_alone(size: int, paired: Indices) -> Indices:
    alone = np.ones(size, dtype=np.bool_)
    alone[paired] = False
    return np.flatnonzero(alone)


def _common_prefix(a: Keys, b: Keys) -> int:
    limit = min(len(a), len(b))
    start = 0
    size = 64
    while start < limit:
        stop = min(start + size, limit)
        equal = a[start:stop] == b[start:stop]
        if not equal.all():
            return start + int(equal.argmin())
        start = stop
        size = min(4 * size, 1 << 16)
    return limit


def _block_runs(
    a: Keys, b: Keys, *, anchors: tuple[int, ...], edits: int, budget: _Budget
) -> Iterator[Run]:
    """Yield the runs of one block in rising order, by the cheapest way that does."""
    head = _common_prefix(a, b)
    tail = _common_prefix(a[head:][::-1], b[head:][::-1])
    if head:
        yield 0, 0, head
    rest_a = a[head : len(a) - tail]
    rest_b = b[head : len(b) - tail]
    for i, j, length in _middle_runs(rest_a, rest_b, anchors=anchors, edits=edits, budget=budget):
        yield head + i, head + j, length
    if tail:
        yield len(a) - tail, len(b) - tail, tail


def _middle_runs(
    a: Keys, b: Keys, *, anchors: tuple[int, ...], edits: int, budget: _Budget
) -> Iterator[Run]:
    """Yield the runs of a block that neither begins nor ends with equal keys."""
    if not len(a) or not len(b):
        return
    if len(a) == 1 or len(b) == 1:
        where = np.flatnonzero(a == b)
        if where.size:
            first = int(where[0])
            yield (0, first, 1) if len(a) == 1 else (first, 0, 1)
        return
    exact = _exact_runs(a, b, edits, budget)
    if exact is not None:
        yield from exact
    elif anchors:
        yield from _walk(a, b, anchors, budget)


def _exact_runs(a: Keys, b: Keys, edits: int, budget: _Budget) -> list[Run] | None:
    """Return the runs of a longest common subsequence; None if it costs more than it may.

    That is, if more than `edits` events lack a partner, or the budget is used up. A diagonal is the
    position in `a` less that in `b`. After round d, `ends[d][i]` is how far d edits come in `a` on
    diagonal 2i - d.
    """
    starts: list[Indices] = []
    ends: list[Indices] = []
    goal = len(a) - len(b)
    for d in range(edits + 1):
        if budget.rounds <= 0 or budget.comparisons <= 0:
            return None
        budget.rounds -= 1
        diagonals = np.arange(-d, d + 1, 2)
        if d == 0:
            start = np.zeros(1, dtype=np.int64)
        else:
            # A diagonal is reached from the one below by skipping a key of `a`, from the one above
            # by skipping a key of `b`.
            skip_a, skip_b = np.full((2, d + 1), UNREACHED, dtype=np.int64)
            skip_a[1:] = ends[-1] + 1
            skip_b[:-1] = ends[-1]
            skip_a[skip_a > len(a)] = UNREACHED
            skip_b[skip_b - diagonals > len(b)] = UNREACHED
            start = np.maximum(skip_a, skip_b)
        end = _slide(a, b, start=start, diagonals=diagonals, budget=budget)
        starts.append(start)
        ends.append(end)
        # Round d reaches every second diagonal only.
        goal_index, is_odd = divmod(goal + d, 2)
        if abs(goal) <= d and not is_odd and end[goal_index] == len(a):
            return _trace_back(starts, ends, goal_index)
    return None


def _slide(a: Keys, b: Keys, *, start: Indices, diagonals: Indices, budget: _Budget) -> Indices:
    """Return how far the keys are equal from each start on, as positions in `a`."""
    end: Indices = start.copy()
    limit = np.minimum(len(a) - start, len(b) - start + diagonals)
    # Most diagonals end at once, some within a window, few go far.
    going = np.flatnonzero((start >= 0) & (limit > 0))
    going = going[a[start[going]] == b[start[going] - diagonals[going]]]
    if not going.size:
        return end
    # Beyond its end a stream's last key is compared again: `limit` cuts off what that adds.
    in_a = start[going][:, None] + np.arange(WINDOW)
    in_b = in_a - diagonals[going][:, None]
    equal = a[np.minimum(in_a, len(a) - 1)] == b[np.minimum(in_b, len(b) - 1)]
    goes_far = equal.all(axis=1)
    equal_keys = np.where(goes_far, WINDOW, equal.argmin(axis=1))
    end[going] += np.minimum(equal_keys, limit[going])
    for index in going[goes_far]:
        x = int(end[index])
        y = x - int(diagonals[index])
        end[index] += _common_prefix(a[x:], b[y:])
    compared = int((end[going] - start[going]).sum())
    budget.comparisons -= compared + CALL_COST * int(goes_far.sum())
    return end


def _trace_back(starts: list[Indices], ends: list[Indices], index: int) -> list[Run]:
    """Return the runs of the way that ends on diagonal number `index` of the last round."""
    runs: list[Run] = []
    for d in reversed(range(len(starts))):
        start = int(starts[d][index])
        end = int(ends[d][index])
        diagonal = 2 * index - d
        if end > start:
            runs.append((start, start - diagonal, end - start))
        # Came by a key of `b` if the diagonal above ended where this one starts, else by one of
        # `a`.
        if d and (index == d or ends[d - 1][index] != start):
            index -= 1
    return runs[::-1]


def _walk(a: Keys, b: Keys, anchors: tuple[int, ...], budget: _Budget) -> Iterator[Run]:
    """Yield the runs of two streams that are far apart: anchor by anchor, and between them."""
    finder = _AnchorFinder(a, b, anchors[0])
    shorter = anchors[1:]
    i = j = 0
    while (found := _fewest_alone(a, b, finder=finder, i=i, j=j)) is not None:
        p, q = found
        gap = _block_runs(a[i:p], b[j:q], anchors=shorter, edits=GAP_EDITS, budget=budget)
        yield from _move(gap, i, j)
        length = _common_prefix(a[p:], b[q:])
        if length:
            yield p, q, length
        # Two stretches may only share a digest: then one key further.
        i = p + max(length, 1)
        j = q + max(length, 1)
    has_anchor = i > 0
    if has_anchor or not shorter:
        remaining = _block_runs(a[i:], b[j:], anchors=shorter, edits=GAP_EDITS, budget=budget)
    else:
        remaining = _walk(a, b, shorter, budget)
    yield from _move(remaining, i, j)


def _move(runs: Iterable[Run], i: int, j: int) -> Iterator[Run]:
    """Yield runs of two parts of streams, which begin at `i` and `j`, as runs of the streams."""
    for x, y, length in runs:
        yield i + x, j + y, length


class _AnchorFinder:
    """Finds the nearest place, from two positions on, where `length` keys in a row are equal."""

    def __init__(self, a: Keys, b: Keys, length: int) -> None:
        digests_a = _digest_stretches(a, length)
        digests_b = _digest_stretches(b, length)
        self._order = np.argsort(digests_b, kind="stable")
        ordered = digests_b[self._order]
        first = np.searchsorted(ordered, digests_a, "left")
        stop = np.searchsorted(ordered, digests_a, "right")
        self._places = np.flatnonzero(stop > first)
        self._first = first[self._places]
        self._stop = stop[self._places]
        # Positions in b, grouped by digest and rising within a group, as numbers that rise
        # throughout: one binary search finds the next position of a group.
        self._stride = len(b) + 1
        self._ranks = np.searchsorted(ordered, ordered, "left") * self._stride + self._order

    def nearest(self, i: int, j: int, *, level: bool) -> tuple[int, int] | None:
        """Return the place (p, q) that skips the fewest keys.

        `level` counts the shift between the two skips once more: it finds the place that keeps both
        streams in step where they repeat themselves, and where the fewest keys would be skipped in
        one stream only.
        """
        best: _Step | None = None
        at = int(np.searchsorted(self._places, i))
        size = FIRST_SEARCH
        # Skipping the keys of `a` alone costs at least as much: further places cannot be cheaper.
        while at < len(self._places) and (best is None or self._places[at] - i <= best.cost):
            span = slice(at, at + size)
            p = self._places[span]
            first = self._first[span]
            stop = self._stop[span]
            # In step, as many keys of `b` are skipped as of `a`; else the next place will do.
            wanted = np.minimum(p - i + j, self._stride - 1) if level else j
            after = np.searchsorted(self._ranks, first * self._stride + wanted)
            slots = (after, after - 1) if level else (after,)
            for slot in slots:
                usable = np.flatnonzero((slot >= first) & (slot < stop))
                skip_b = self._order[slot[usable]] - j
                found = _find_cheapest(p[usable] - i, skip_b, level=level)
                if found is not None and (best is None or found < best):
                    best = found
            at += size
            size = min(4 * size, LARGEST_SEARCH)
        return None if best is None else (i + best.skip_a, j + best.skip_b)


class _Step(NamedTuple):
    """A way to a place ahead: the keys that it skips, and what it costs. Cheaper ones are less."""

    cost: int
    shift: int
    skip_a: int
    skip_b: int


def _find_cheapest(skip_a: Indices, skip_b: Indices, *, level: bool) -> _Step | None:
    """Return the cheapest step to one of the places that lie ahead in `b`."""
    ahead = skip_b >= 0
    skip_a = skip_a[ahead]
    skip_b = skip_b[ahead]
    if not skip_a.size:
        return None
    shift = np.abs(skip_a - skip_b)
    cost = np.maximum(skip_a, skip_b) + shift if level else skip_a + skip_b
    k = int(np.lexsort((shift, cost))[0])
    return _Step(
        cost=int(cost[k]), shift=int(shift[k]), skip_a=int(skip_a[k]), skip_b=int(skip_b[k])
    )


def _fewest_alone(
    a: Keys, b: Keys, *, finder: _AnchorFinder, i: int, j: int
) -> tuple[int, int] | None:
    """Return the nearest place by either measure.

    Of two, the one before which fewer events must lack a partner.
    """
    nearest = finder.nearest(i, j, level=False)
    if nearest is None:
        return None
    skipped = sum(nearest) - i - j
    if skipped <= 2:  # one event more, or one replaced: nothing to weigh
        return nearest
    level = finder.nearest(i, j, level=True)
    if level is None or nearest == level:
        return nearest
    alone_if_nearest = _count_least_alone(a[i : nearest[0]], b[j : nearest[1]])
    alone_if_level = _count_least_alone(a[i : level[0]], b[j : level[1]])
    return level if alone_if_level <= alone_if_nearest else nearest


def _count_least_alone(a: Keys, b: Keys) -> int:
    """Return how many events of a gap lack a partner even if order did not matter."""
    keys_a, counts_a = np.unique(a, return_counts=True)
    keys_b, counts_b = np.unique(b, return_counts=True)
    _, at_a, at_b = np.intersect1d(keys_a, keys_b, assume_unique=True, return_indices=True)
    pairs = int(np.minimum(counts_a[at_a], counts_b[at_b]).sum())
    return len(a) + len(b) - 2 * pairs


def _digest_stretches(keys: Keys, length: int) -> Keys:
    """Return a 64-bit digest of each `length` keys in a row; `length` is a power of two."""
    if len(keys) < length:
        return keys[:0]
    digests = keys
    covered = 1
    while covered < length:
        mixed = digests * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
        digests = mixed[:-covered] * np.uint64(0xBF58476D1CE4E5B9) + mixed[covered:]
        digests ^= digests >> np.uint64(29)
        covered *= 2
    return digests
