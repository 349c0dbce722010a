"""What a later run makes of a lock: equal, or different, and then first where, and what changed in
between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from reproaudit.compare.align import Alignment, align
from reproaudit.config.settings import Settings
from reproaudit.lock.digests import index_tensors, number_operators
from reproaudit.lock.model import (
    OUTSIDE,
    VARIES,
    Entry,
    LockedOp,
    LockedRun,
    LockedTensor,
    Pairs,
    ValueChange,
    find_changes,
)
from reproaudit.lock.text import flatten_settings


class State(str, Enum):
    EQUAL = "equal"
    DIFFERS = "differs"
    NOT_COMPARABLE = "not-comparable"


class WhereKind(str, Enum):
    """What the first difference is."""

    RESULT = "result"  # an op gave another result for the inputs of the lock
    OUTSIDE = "outside"  # other content came in from outside PyTorch
    RANDOM = "random"  # an op drew from a generator in another state
    # An op got other inputs although every op before it gave the locked result.
    ARGUMENT = "argument"
    OPERATORS = "operators"  # ops that only one side has
    TENSOR = "tensor"  # no op that the lock holds differs: a boundary tensor is all there is


@dataclass(frozen=True, slots=True)
class Where:
    """The first difference.

    Of OPERATORS, `locked` and `now` are the ops that only one side has; else they are one pair.
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


@dataclass(frozen=True, slots=True)
class TensorChange:
    """A boundary tensor that differs; None where one side lacks it."""

    locked: LockedTensor | None
    now: LockedTensor | None

    @property
    def either(self) -> LockedTensor:
        """The locked one, or else the one that is there now."""
        found = self.locked or self.now
        assert found is not None
        return found

    @property
    def has_other_shape(self) -> bool:
        """Return True if both sides have it, with different dtypes or shapes."""
        if self.locked is None or self.now is None:
            return False
        return self.locked.tensor != self.now.tensor


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between the lock and now besides what was computed."""

    code: Pairs = ()  # (path, "changed", "new" or "gone")
    settings: tuple[ValueChange, ...] = ()
    environment: tuple[ValueChange, ...] = ()

    @property
    def is_any(self) -> bool:
        return bool(self.code or self.settings or self.environment)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome for one entry. `compared` counts the deciding tensors of the lock.

    `why` says why nothing was compared, and `hint` what to do about it.
    """

    name: str
    state: State
    why: str = ""
    hint: str = ""
    where: Where | None = None
    tensors: tuple[TensorChange, ...] = ()
    compared: int = 0
    operators: int = 0
    operators_differ: bool = False  # although every tensor that decides is equal
    is_cut: bool = False
    changes: Changes = Changes()

    @property
    def is_at_changed_file(self) -> bool:
        """Return True if the call that first differs stands in a file that changed."""
        if self.where is None or self.where.first is None:
            return False
        changed = dict(self.changes.code)
        return self.where.first.path in changed


def not_comparable(name: str, why: str, hint: str = "") -> CheckResult:
    """Return the result for an entry of which nothing was compared."""
    return CheckResult(name, State.NOT_COMPARABLE, why, hint)


def choose_exit_code(results: Sequence[CheckResult]) -> int:
    """Return 0 if all are equal, 1 if one differs, else 2: something could not be compared."""
    states = {result.state for result in results}
    if State.DIFFERS in states:
        return 1
    if states == {State.EQUAL}:
        return 0
    return 2


def compare_runs(
    entry: Entry, locked: LockedRun, now: LockedRun, settings: Settings
) -> CheckResult:
    """Compare a run, made under `settings`, with one that the entry holds."""
    if locked.uses_cuda and not now.uses_cuda:
        if all(run.uses_cuda for run in entry.runs):
            return not_comparable(
                entry.name,
                "every environment in the lock used CUDA, and this run did not",
                f"lock this environment too: reproaudit lock {entry.name}",
            )
    compared = _count_deciding(locked.tensors)
    if not compared:
        return not_comparable(entry.name, "the lock holds no tensor that decides anything")
    changes = _collect_changes(entry, locked, now, settings)
    where = _find_first_difference(locked, now)
    tensors = tuple(_find_changed_tensors(locked, now))
    if not tensors:
        return CheckResult(
            name=entry.name,
            state=State.EQUAL,
            compared=compared,
            operators=len(locked.operators),
            operators_differ=where is not None,
            is_cut=locked.is_cut,
            changes=changes,
        )
    if where is None:
        first = tensors[0].either
        where = Where(WhereKind.TENSOR, tensor=f"{first.kind} {first.name}")
    return CheckResult(
        name=entry.name,
        state=State.DIFFERS,
        where=where,
        tensors=tensors,
        compared=compared,
        operators=len(locked.operators),
        is_cut=locked.is_cut,
        changes=changes,
    )


# -- tensors


def _count_deciding(tensors: Iterable[LockedTensor]) -> int:
    count = 0
    for tensor in tensors:
        if tensor.is_deciding and tensor.digest != VARIES:
            count += 1
    return count


def _find_changed_tensors(locked: LockedRun, now: LockedRun) -> Iterator[TensorChange]:
    first = index_tensors(locked.tensors)
    second = index_tensors(now.tensors)
    for key in {**first, **second}:
        change = TensorChange(first.get(key), second.get(key))
        if _is_change(change):
            yield change


def _is_change(change: TensorChange) -> bool:
    """Return True if the sides differ, and in a tensor that decides something on either."""
    locked = change.locked
    now = change.now
    if locked is None or now is None:
        return change.either.is_deciding
    if _is_same(locked.digest, now.digest):
        return False
    return locked.is_deciding or now.is_deciding


# -- what changed besides


def _collect_changes(
    entry: Entry, locked: LockedRun, now: LockedRun, settings: Settings
) -> Changes:
    wanted_before = flatten_settings(entry.settings)
    wanted_now = flatten_settings(settings)
    set_before = _name_program_changes(locked.changes)
    set_now = _name_program_changes(now.changes)
    return Changes(
        code=tuple(_find_changed_files(locked, now)),
        settings=find_changes(wanted_before, wanted_now) + find_changes(set_before, set_now),
        environment=find_changes(locked.environment, now.environment),
    )


def _find_changed_files(locked: LockedRun, now: LockedRun) -> Iterator[tuple[str, str]]:
    before = dict(locked.files)
    after = dict(now.files)
    for path in sorted({**before, **after}):
        if path not in after:
            yield path, "gone"
        elif path not in before:
            yield path, "new"
        elif before[path] != after[path]:
            yield path, "changed"


def _name_program_changes(rows: Pairs) -> Pairs:
    """Say that the program itself changed the settings.

    A setting may be changed several times: each after the first gets its number.
    """
    found = []
    counts: Counter[str] = Counter()
    for name, value in rows:
        counts[name] += 1
        label = f"{name}, set by the program"
        if counts[name] > 1:
            label += f" (time {counts[name]})"
        found.append((label, value))
    return tuple(found)


# -- where


def _find_first_difference(locked: LockedRun, now: LockedRun) -> Where | None:
    """Return where the op streams first differ in what they computed.

    None if they do not, as far as they were kept.
    """
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
        return _find_lone_ops(a, b, pairs, count)
    first = a[pairs.pairs_a[at]]
    second = b[pairs.pairs_b[at]]
    if _is_same(first.inputs, second.inputs):
        kind = _classify_source(first, second)
        return Where(kind, locked=(first,), now=(second,))
    # Other inputs: they come from an op that only one side has, or else from no op at all.
    where = _find_lone_ops(a, b, pairs, at, only_new=True)
    if where is None:
        where = Where(WhereKind.ARGUMENT, locked=(first,), now=(second,))
    return where


def _find_unequal_pair(
    a: Sequence[LockedOp], b: Sequence[LockedOp], pairs: Alignment
) -> int | None:
    """Return the number of the first pair whose digests differ."""
    for number, (i, j) in enumerate(zip(pairs.pairs_a, pairs.pairs_b, strict=True)):
        locked = a[i]
        now = b[j]
        is_equal = _is_same(locked.inputs, now.inputs) and _is_same(locked.outputs, now.outputs)
        if not is_equal:
            return number
    return None


def _classify_source(locked: LockedOp, now: LockedOp) -> WhereKind:
    """Return why an op gave another result although its inputs are the locked ones."""
    if locked.inputs == OUTSIDE:
        return WhereKind.OUTSIDE
    if locked.generator and not _is_same(locked.generator, now.generator):
        return WhereKind.RANDOM
    return WhereKind.RESULT


def _is_same(locked: str, now: str) -> bool:
    """Return True if a digest is the locked one, or if the lock does not hold it to one."""
    return locked in (now, VARIES)


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
