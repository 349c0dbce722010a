"""Where the operators of a run first differ from those of a lock, and how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from reproaudit.comparison.align import Alignment, align
from reproaudit.lock.digests import number_operators
from reproaudit.lock.model import OUTSIDE, LockedOp, LockedRun, is_same


class WhereKind(str, Enum):
    """What the first difference is."""

    RESULT = "result"  # an op gave another result for the inputs of the lock
    OUTSIDE = "outside"  # other content came in from outside PyTorch
    RANDOM = "random"  # an op drew from a generator in another state
    # An op got other inputs although every op before it gave the locked result.
    ARGUMENT = "argument"
    OPERATORS = "operators"  # ops that only one side has
    TENSOR = "tensor"  # no op that the lock holds differs: a boundary tensor is all there is
    # A draw finds its stream elsewhere than in the lock, because of other draws before it:
    NEW_DRAW = "new-draw"  # at a line that the lock does not have
    MORE_DRAWS = "more-draws"  # at a line that draws more often now
    FEWER_DRAWS = "fewer-draws"  # at a line that draws no more, or less often


@dataclass(frozen=True, slots=True)
class Where:
    """The first difference.

    Of OPERATORS and of draws, `locked` and `now` are the ops that only one side has; else they are
    one pair.
    """

    kind: WhereKind
    locked: tuple[LockedOp, ...] = ()
    now: tuple[LockedOp, ...] = ()
    tensor: str = ""

    @property
    def first(self) -> LockedOp | None:
        """The op to name: the one that runs now, where there is one."""
        if self.now:
            return self.now[0]
        if self.locked:
            return self.locked[0]
        return None


def find_first_difference(locked: LockedRun, now: LockedRun) -> Where | None:
    """Return where the op streams first differ in what they computed.

    None if they do not, as far as they were kept.
    """
    # A line that was edited, and draws what it drew, is no difference.
    if _find_difference(_forget_lines(locked), _forget_lines(now)) is None:
        return None
    return _find_difference(locked, now)


def _forget_lines(run: LockedRun) -> LockedRun:
    return replace(run, operators=tuple(replace(op, text="") for op in run.operators))


def _find_difference(locked: LockedRun, now: LockedRun) -> Where | None:
    a = locked.operators
    b = now.operators
    numbers_a, numbers_b = number_operators(a, b)
    pairs = align(numbers_a, numbers_b)
    count = len(pairs.pairs_a)
    if count and (locked.is_cut or now.is_cut):
        # What follows the last pair of a stream that was cut lacks its partner because of the cut.
        last_a = pairs.pairs_a[-1]
        last_b = pairs.pairs_b[-1]
        a = a[: last_a + 1]
        b = b[: last_b + 1]
    at = _find_unequal_pair(a, b, pairs)
    if at is None:
        return _pair_edited(_find_lone_ops(a, b, pairs, count))
    first = a[pairs.pairs_a[at]]
    second = b[pairs.pairs_b[at]]
    if first.generator and not is_same(first.generator, second.generator):
        shift = _find_shift(a, b, pairs, at)
        if shift is not None:
            return shift
    if is_same(first.inputs, second.inputs):
        kind = _classify_source(first, second)
        return Where(kind, locked=(first,), now=(second,))
    # Other inputs: they come from an op that only one side has, or else from no op at all.
    where = _find_lone_ops(a, b, pairs, at, only_new=True)
    if where is None:
        where = Where(WhereKind.ARGUMENT, locked=(first,), now=(second,))
    return _pair_edited(where)


def _find_shift(
    a: Sequence[LockedOp], b: Sequence[LockedOp], pairs: Alignment, at: int
) -> Where | None:
    """Return the draws that only one side has before pair `at`, which is a draw.

    The first place counts. None if there are none, or draws stand in the place of others.
    """
    for gap in _list_gaps(a, b, pairs, at):
        gone = _select_draws(gap.locked, besides=gap.now)
        new = _select_draws(gap.now, besides=gap.locked)
        if gone and new:
            return _pair_edited(Where(WhereKind.OPERATORS, locked=gone, now=new))
        if new:
            known = {op.text for op in a if op.generator}
            is_new_line = bool(new[0].text) and new[0].text not in known
            kind = WhereKind.NEW_DRAW if is_new_line else WhereKind.MORE_DRAWS
            return Where(kind, now=new)
        if gone:
            return Where(WhereKind.FEWER_DRAWS, locked=gone)
    return None


def _select_draws(
    operators: Sequence[LockedOp], *, besides: Sequence[LockedOp]
) -> tuple[LockedOp, ...]:
    """Return the draws without those that drew the same at an edited line."""
    drawn = {(op.generator, op.outputs) for op in besides}
    return tuple(op for op in operators if op.generator and (op.generator, op.outputs) not in drawn)


def _pair_edited(where: Where | None) -> Where | None:
    """Return draws whose line was edited as a pair: the same op, with another argument."""
    if where is None or where.kind is not WhereKind.OPERATORS:
        return where
    before = [replace(op, text="") for op in where.locked]
    after = [replace(op, text="") for op in where.now]
    numbers_a, numbers_b = number_operators(before, after)
    is_edit = bool(before) and numbers_a.tolist() == numbers_b.tolist()
    if not is_edit or not where.now[0].generator:
        return where
    return Where(WhereKind.ARGUMENT, locked=where.locked[:1], now=where.now[:1])


def _find_unequal_pair(
    a: Sequence[LockedOp], b: Sequence[LockedOp], pairs: Alignment
) -> int | None:
    """Return the number of the first pair whose digests differ."""
    for number, (i, j) in enumerate(zip(pairs.pairs_a, pairs.pairs_b, strict=True)):
        locked = a[i]
        now = b[j]
        is_equal = is_same(locked.inputs, now.inputs) and is_same(locked.outputs, now.outputs)
        if not is_equal:
            return number
    return None


def _classify_source(locked: LockedOp, now: LockedOp) -> WhereKind:
    """Return why an op gave another result although its inputs are the locked ones."""
    if locked.inputs == OUTSIDE:
        return WhereKind.OUTSIDE
    if locked.generator and not is_same(locked.generator, now.generator):
        return WhereKind.RANDOM
    return WhereKind.RESULT


def _find_lone_ops(
    a: Sequence[LockedOp],
    b: Sequence[LockedOp],
    pairs: Alignment,
    until: int,
    *,
    only_new: bool = False,
) -> Where | None:
    """Return the first ops before pair `until` that one side lacks.

    Those whose result the other side never had are preferred: an op like the one behind
    `print(loss.item())` computes nothing that others read. With `only_new`, None if there are only
    such.
    """
    results_a = {op.outputs for op in a}
    results_b = {op.outputs for op in b}
    harmless = None
    for gap in _list_gaps(a, b, pairs, until):
        is_new_in_a = any(op.outputs not in results_b for op in gap.locked)
        is_new_in_b = any(op.outputs not in results_a for op in gap.now)
        if is_new_in_a or is_new_in_b:
            return gap
        if harmless is None:
            harmless = gap
    if only_new:
        return None
    return harmless


def _list_gaps(
    a: Sequence[LockedOp], b: Sequence[LockedOp], pairs: Alignment, until: int
) -> Iterator[Where]:
    """Yield the ops between two pairs, up to pair `until`, wherever there are any.

    After the last pair, the ends of the streams are as good as one.
    """
    ends_a = [*map(int, pairs.pairs_a), len(a)]
    ends_b = [*map(int, pairs.pairs_b), len(b)]
    start_a = 0
    start_b = 0
    for number in range(until + 1):
        end_a = ends_a[number]
        end_b = ends_b[number]
        gap = Where(
            WhereKind.OPERATORS,
            locked=tuple(a[start_a:end_a]),
            now=tuple(b[start_b:end_b]),
        )
        if gap.first is not None:
            yield gap
        start_a = end_a + 1
        start_b = end_b + 1
