"""Which events of two streams belong together, when one stream gained or lost events anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]
AnyIntegers = npt.NDArray[Any]
Run = tuple[int, int, int]  # position in a, position in b, number of equal keys from there on

# Edits up to which a block is aligned exactly: the whole stream's, then those of a gap between two
# anchors.
EXACT_EDITS = 1024
GAP_EDITS = 128
# Lengths of the stretches of equal keys on which streams that are further apart are brought
# together again.
ANCHOR_LENGTHS = (32, 8)
UNREACHED = -(1 << 40)
WINDOW = 32
CALL_COST = 4096  # what following one diagonal costs besides its comparisons, in comparisons
FIRST_SEARCH = 256


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Aligned pairs, rising in both streams, and the events of each stream that have no partner,
    rising."""

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
    """Pair the events of two streams of integer keys, one key per event, so that paired keys are
    equal.

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
    runs = np.array(
        list(_block_runs(keys_a, keys_b, anchors=ANCHOR_LENGTHS, edits=EXACT_EDITS, budget=budget)),
        dtype=np.int64,
    )
    pairs_a, pairs_b = _expand(runs.reshape(-1, 3))
    only_a, only_b = _unpaired(len(keys_a), pairs_a), _unpaired(len(keys_b), pairs_b)
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
    lengths = runs[:, 2]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(runs[:, 0], lengths) + within, np.repeat(runs[:, 1], lengths) + within


def _unpaired(size: int, paired: Indices) -> Indices:
    alone = np.ones(size, dtype=np.bool_)
    alone[paired] = False
    return np.flatnonzero(alone)


def _common_prefix(a: Keys, b: Keys) -> int:
    limit = min(len(a), len(b))
    start, size = 0, 64
    while start < limit:
        equal = a[start : min(start + size, limit)] == b[start : min(start + size, limit)]
        if not equal.all():
            return start + int(equal.argmin())
        start, size = start + size, min(4 * size, 1 << 16)
    return limit


def _block_runs(
    a: Keys, b: Keys, *, anchors: tuple[int, ...], edits: int, budget: _Budget
) -> Iterator[Run]:
    """Yield the runs of one block in rising order, by the cheapest way that does."""
    head = _common_prefix(a, b)
    tail = _common_prefix(a[head:][::-1], b[head:][::-1])
    if head:
        yield 0, 0, head
    rest_a, rest_b = a[head : len(a) - tail], b[head : len(b) - tail]
    for i, j, length in _middle_runs(rest_a, rest_b, anchors=anchors, edits=edits, budget=budget):
        yield head + i, head + j, length
    if tail:
        yield len(a) - tail, len(b) - tail, tail


def _middle_runs(
    a: Keys, b: Keys, *, anchors: tuple[int, ...], edits: int, budget: _Budget
) -> Iterator[Run]:
    if not len(a) or not len(b):
        return
    if len(a) == 1 or len(b) == 1:
        where = np.flatnonzero(a == b)
        if where.size:
            yield (0, int(where[0]), 1) if len(a) == 1 else (int(where[0]), 0, 1)
        return
    exact = _exact_runs(a, b, edits, budget)
    if exact is not None:
        yield from exact
    elif anchors:
        yield from _walk(a, b, anchors, budget)


def _exact_runs(a: Keys, b: Keys, edits: int, budget: _Budget) -> list[Run] | None:
    """Return the runs of a longest common subsequence; None if more than `edits` events lack a
    partner.

    After round d, `reached[i]` is how far d edits come in `a` on diagonal 2i - d (position in a
    less that in b).
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
            skip_a, skip_b = np.full((2, d + 1), UNREACHED, dtype=np.int64)
            skip_a[1:], skip_b[:-1] = ends[-1] + 1, ends[-1]
            skip_a[skip_a > len(a)] = UNREACHED
            skip_b[skip_b - diagonals > len(b)] = UNREACHED
            start = np.maximum(skip_a, skip_b)
        starts.append(start)
        ends.append(_slide(a, b, start=start, diagonals=diagonals, budget=budget))
        if abs(goal) <= d and (goal + d) % 2 == 0 and ends[-1][(goal + d) // 2] == len(a):
            return _trace_back(starts, ends, (goal + d) // 2)
    return None


def _slide(a: Keys, b: Keys, *, start: Indices, diagonals: Indices, budget: _Budget) -> Indices:
    """Return how far the keys are equal from each start on: most end at once, few go far."""
    end: Indices = start.copy()
    limit = np.minimum(len(a) - start, len(b) - start + diagonals)
    open_ = np.flatnonzero((start >= 0) & (limit > 0))
    open_ = open_[a[start[open_]] == b[start[open_] - diagonals[open_]]]
    if not open_.size:
        return end
    ahead = start[open_][:, None] + np.arange(WINDOW)
    in_b = np.minimum(ahead - diagonals[open_][:, None], len(b) - 1)
    equal = a[np.minimum(ahead, len(a) - 1)] == b[in_b]
    far = equal.all(axis=1)
    end[open_] += np.minimum(np.where(far, WINDOW, equal.argmin(axis=1)), limit[open_])
    for index in open_[far]:
        x, y = int(end[index]), int(end[index] - diagonals[index])
        end[index] += _common_prefix(a[x:], b[y:])
    budget.comparisons -= int((end[open_] - start[open_]).sum()) + CALL_COST * int(far.sum())
    return end


def _trace_back(starts: list[Indices], ends: list[Indices], index: int) -> list[Run]:
    runs: list[Run] = []
    for d in range(len(starts) - 1, -1, -1):
        start, end, diagonal = int(starts[d][index]), int(ends[d][index]), 2 * index - d
        if end > start:
            runs.append((start, start - diagonal, end - start))
        if d and (index == d or ends[d - 1][index] != start):
            index -= 1
    return runs[::-1]


def _walk(a: Keys, b: Keys, anchors: tuple[int, ...], budget: _Budget) -> Iterator[Run]:
    finder = _AnchorFinder(a, b, anchors[0])
    i = j = 0
    while (found := _fewest_alone(a, b, finder=finder, i=i, j=j)) is not None:
        p, q = found
        for x, y, length in _block_runs(
            a[i:p], b[j:q], anchors=anchors[1:], edits=GAP_EDITS, budget=budget
        ):
            yield i + x, j + y, length
        length = _common_prefix(a[p:], b[q:])
        if length:
            yield p, q, length
        i, j = (
            p + max(length, 1),
            q + max(length, 1),
        )  # one further where two stretches only share a digest
    if i or len(anchors) == 1:
        remaining = _block_runs(a[i:], b[j:], anchors=anchors[1:], edits=GAP_EDITS, budget=budget)
    else:
        remaining = _walk(a, b, anchors[1:], budget)
    for x, y, length in remaining:
        yield i + x, j + y, length


class _AnchorFinder:
    """Finds the nearest place, from two positions on, where `length` keys in a row are equal."""

    def __init__(self, a: Keys, b: Keys, length: int) -> None:
        digests_a, digests_b = _stretch_digests(a, length), _stretch_digests(b, length)
        self._order = np.argsort(digests_b, kind="stable")
        ordered = digests_b[self._order]
        first = np.searchsorted(ordered, digests_a, "left")
        stop = np.searchsorted(ordered, digests_a, "right")
        self._places = np.flatnonzero(stop > first)
        self._first, self._stop = first[self._places], stop[self._places]
        # Positions in b, grouped by digest and rising within a group, as numbers that rise
        # throughout.
        self._stride = len(b) + 1
        self._ranks = np.searchsorted(ordered, ordered, "left") * self._stride + self._order

    def nearest(self, i: int, j: int, *, level: bool) -> tuple[int, int] | None:
        """Return the place (p, q) that skips the fewest keys.

        `level` counts the shift between the two skips once more: it finds the place that keeps both
        streams in step where they repeat themselves, and where the fewest keys would be skipped in
        one stream only.
        """
        best: tuple[int, int, int, int] | None = None
        at, size = int(np.searchsorted(self._places, i)), FIRST_SEARCH
        while at < len(self._places) and (best is None or self._places[at] - i <= best[0]):
            span = slice(at, at + size)
            p, first, stop = self._places[span], self._first[span], self._stop[span]
            wanted = np.minimum(p - i + j, self._stride - 1) if level else j
            after = np.searchsorted(self._ranks, first * self._stride + wanted)
            for slot in (after, after - 1) if level else (after,):
                usable = np.flatnonzero((slot >= first) & (slot < stop))
                found = _cheapest(p[usable] - i, self._order[slot[usable]] - j, level)
                if found is not None and (best is None or found < best):
                    best = found
            at, size = at + size, min(4 * size, 1 << 16)
        return None if best is None else (i + best[2], j + best[3])


def _cheapest(skip_a: Indices, skip_b: Indices, level: bool) -> tuple[int, int, int, int] | None:
    """Return (cost, shift, keys skipped in a, keys skipped in b) of the cheapest place that lies
    ahead."""
    ahead = skip_b >= 0
    skip_a, skip_b = skip_a[ahead], skip_b[ahead]
    if not skip_a.size:
        return None
    shift = np.abs(skip_a - skip_b)
    cost = np.maximum(skip_a, skip_b) + shift if level else skip_a + skip_b
    k = int(np.lexsort((shift, cost))[0])
    return int(cost[k]), int(shift[k]), int(skip_a[k]), int(skip_b[k])


def _fewest_alone(
    a: Keys, b: Keys, *, finder: _AnchorFinder, i: int, j: int
) -> tuple[int, int] | None:
    """Return the nearest place by either measure: the one before which fewer events must lack a
    partner."""
    nearest = finder.nearest(i, j, level=False)
    if (
        nearest is None or sum(nearest) - i - j <= 2
    ):  # one event more, or one replaced: nothing to weigh
        return nearest
    level = finder.nearest(i, j, level=True)
    if level is None or nearest == level:
        return nearest
    return min((level, nearest), key=lambda place: _least_alone(a[i : place[0]], b[j : place[1]]))


def _least_alone(a: Keys, b: Keys) -> int:
    """Return how many events of a gap lack a partner even if order did not matter."""
    keys_a, counts_a = np.unique(a, return_counts=True)
    keys_b, counts_b = np.unique(b, return_counts=True)
    _, at_a, at_b = np.intersect1d(keys_a, keys_b, assume_unique=True, return_indices=True)
    return len(a) + len(b) - 2 * int(np.minimum(counts_a[at_a], counts_b[at_b]).sum())


def _stretch_digests(keys: Keys, length: int) -> Keys:
    """Return a 64-bit digest of each `length` keys in a row; `length` is a power of two."""
    if len(keys) < length:
        return keys[:0]
    digests, covered = keys, 1
    while covered < length:
        mixed = digests * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
        digests = mixed[:-covered] * np.uint64(0xBF58476D1CE4E5B9) + mixed[covered:]
        digests ^= digests >> np.uint64(29)
        covered *= 2
    return digests
