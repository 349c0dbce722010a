"""What a later run makes of a lock: equal, or different, and then first where, and what changed in
between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from reproaudit.compare.align import Alignment, align
from reproaudit.config.settings import Settings
from reproaudit.lock.digests import numbered, row_keys
from reproaudit.lock.model import (
    OUTSIDE,
    VARIES,
    Entry,
    LockedOp,
    LockedRun,
    LockedTensor,
    Pairs,
    differing,
)
from reproaudit.lock.text import flat_settings


class State(str, Enum):
    EQUAL = "equal"
    DIFFERS = "differs"
    NOT_COMPARABLE = "not-comparable"


class WhereKind(str, Enum):
    """What the first difference is."""

    RESULT = "result"  # an op gave another result for the inputs of the lock
    OUTSIDE = "outside"  # other content came in from outside PyTorch
    RANDOM = "random"  # an op drew from a generator in another state
    ARGUMENT = (
        "argument"  # an op got other inputs although every op before it gave the locked result
    )
    OPERATORS = "operators"  # ops that only one side has
    TENSOR = "tensor"  # no op that the lock holds differs: a boundary tensor is all there is


@dataclass(frozen=True, slots=True)
class Where:
    """The first difference. Of OPERATORS, `locked` and `now` are those that only one side has; else
    one pair."""

    kind: WhereKind
    locked: tuple[LockedOp, ...] = ()
    now: tuple[LockedOp, ...] = ()
    tensor: str = ""

    @property
    def first(self) -> LockedOp | None:
        """The op to name: the one that runs now, where there is one."""
        return next(iter((*self.now, *self.locked)), None)


@dataclass(frozen=True, slots=True)
class TensorChange:
    """A boundary tensor that differs; None where one side lacks it."""

    locked: LockedTensor | None
    now: LockedTensor | None

    @property
    def either(self) -> LockedTensor:
        found = self.locked or self.now
        assert found is not None
        return found


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between the lock and now besides what was computed. Rows are (name, locked,
    now)."""

    code: tuple[tuple[str, str], ...] = ()  # (path, "changed", "new" or "gone")
    settings: tuple[tuple[str, str, str], ...] = ()
    environment: tuple[tuple[str, str, str], ...] = ()

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
        """True if the call that first differs stands in a file that changed."""
        op = self.where.first if self.where is not None else None
        return op is not None and op.path in dict(self.changes.code)


def not_comparable(name: str, why: str, hint: str = "") -> CheckResult:
    return CheckResult(name, State.NOT_COMPARABLE, why, hint)


def exit_code(results: Sequence[CheckResult]) -> int:
    """Return 0 if all are equal, 1 if one differs, else 2: something could not be compared."""
    states = {result.state for result in results}
    if State.DIFFERS in states:
        return 1
    return 0 if states == {State.EQUAL} else 2


def compare(entry: Entry, locked: LockedRun, now: LockedRun, settings: Settings) -> CheckResult:
    """Compare a run, made under `settings`, with one that the entry holds."""
    if locked.uses_cuda and not now.uses_cuda and all(run.uses_cuda for run in entry.runs):
        return not_comparable(
            entry.name,
            "every environment in the lock used CUDA, and this run did not",
            f"lock this environment too: reproaudit lock {entry.name}",
        )
    first, second = numbered(locked.tensors), numbered(now.tensors)
    compared = sum(tensor.is_deciding and tensor.digest != VARIES for tensor in first.values())
    if not compared:
        return not_comparable(entry.name, "the lock holds no tensor that decides anything")
    tensors = tuple(
        change
        for key in {**first, **second}
        if (change := _change(first.get(key), second.get(key))) is not None
    )
    where = _first_difference(locked, now)
    is_equal = not tensors
    if where is None and tensors:
        where = Where(WhereKind.TENSOR, tensor=f"{tensors[0].either.kind} {tensors[0].either.name}")
    return CheckResult(
        entry.name,
        State.EQUAL if is_equal else State.DIFFERS,
        where=None if is_equal else where,
        tensors=tensors,
        compared=compared,
        operators=len(locked.operators),
        operators_differ=is_equal and where is not None,
        is_cut=locked.is_cut,
        changes=_changes(entry, locked, now, settings),
    )


def _change(locked: LockedTensor | None, now: LockedTensor | None) -> TensorChange | None:
    if locked is not None and now is not None:
        if locked.digest in (now.digest, VARIES) or not (locked.is_deciding or now.is_deciding):
            return None
        return TensorChange(locked, now)
    change = TensorChange(locked, now)
    return change if change.either.is_deciding else None


def _changes(entry: Entry, locked: LockedRun, now: LockedRun, settings: Settings) -> Changes:
    before, after = dict(locked.files), dict(now.files)
    code = tuple(
        (path, "gone" if path not in after else "new" if path not in before else "changed")
        for path in sorted({**before, **after})
        if before.get(path) != after.get(path)
    )
    asked = differing(flat_settings(entry.settings), flat_settings(settings))
    own = differing(_numbered_names(locked.changes), _numbered_names(now.changes))
    return Changes(code, (*asked, *own), differing(locked.environment, now.environment))


def _numbered_names(rows: Pairs) -> Pairs:
    """Say that the program itself changed the settings, and tell the second change of one from the
    first."""
    names = [name for name, _ in rows]
    return tuple(
        (
            f"{name}, set by the program"
            + (f" (time {names[:at].count(name) + 1})" if name in names[:at] else ""),
            value,
        )
        for at, (name, value) in enumerate(rows)
    )


# -- where


def _first_difference(locked: LockedRun, now: LockedRun) -> Where | None:
    """Return where the op streams first differ in what they computed; None if they do not, as far
    as they were kept."""
    a, b = locked.operators, now.operators
    pairs = align(*row_keys(a, b))
    if len(pairs.pairs_a) and (locked.is_cut or now.is_cut):
        # What follows the last pair of a stream that was cut lacks its partner because of the cut.
        a, b = a[: pairs.pairs_a[-1] + 1], b[: pairs.pairs_b[-1] + 1]
    at = next(
        (
            n
            for n, (i, j) in enumerate(zip(pairs.pairs_a, pairs.pairs_b, strict=True))
            if not _is_equal(a[i], b[j])
        ),
        None,
    )
    if at is None:
        return _only_one_side(a, b, pairs, len(pairs.pairs_a))
    first, second = a[pairs.pairs_a[at]], b[pairs.pairs_b[at]]
    if _same(first.inputs, second.inputs):
        return Where(_kind_of_source(first, second), (first,), (second,))
    # Other inputs: they come from an op that only one side has, or else from no op at all.
    return _only_one_side(a, b, pairs, at, only_new=True) or Where(
        WhereKind.ARGUMENT, (first,), (second,)
    )


def _kind_of_source(locked: LockedOp, now: LockedOp) -> WhereKind:
    if locked.inputs == OUTSIDE:
        return WhereKind.OUTSIDE
    drew = locked.generator and not _same(locked.generator, now.generator)
    return WhereKind.RANDOM if drew else WhereKind.RESULT


def _same(locked: str, now: str) -> bool:
    return locked in (now, VARIES)


def _is_equal(locked: LockedOp, now: LockedOp) -> bool:
    return _same(locked.inputs, now.inputs) and _same(locked.outputs, now.outputs)


def _only_one_side(
    a: Sequence[LockedOp],
    b: Sequence[LockedOp],
    pairs: Alignment,
    until: int,
    *,
    only_new: bool = False,
) -> Where | None:
    """Return the first ops before pair `until` that one side lacks, rather those whose result the
    other never had.

    An op like the one behind `print(loss.item())` computes nothing that others read. With
    `only_new`, None if there are only such.
    """
    had, has = {op.outputs for op in a}, {op.outputs for op in b}
    harmless: Where | None = None
    last_a = last_b = -1
    for n in range(until + 1):
        i, j = (
            (int(pairs.pairs_a[n]), int(pairs.pairs_b[n]))
            if n < len(pairs.pairs_a)
            else (len(a), len(b))
        )
        gap = Where(WhereKind.OPERATORS, tuple(a[last_a + 1 : i]), tuple(b[last_b + 1 : j]))
        if gap.first is not None:
            if any(op.outputs not in has for op in gap.locked) or any(
                op.outputs not in had for op in gap.now
            ):
                return gap
            harmless = harmless or gap
        last_a, last_b = i, j
    return None if only_new else harmless
