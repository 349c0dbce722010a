"""What a later run makes of a lock: equal, or different, and then first where, and what changed in
between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from reproaudit.config.settings import Settings
from reproaudit.lock.digests import index_tensors
from reproaudit.lock.model import (
    LEFT_KINDS,
    VARIES,
    Entry,
    LockedRun,
    LockedTensor,
    Pairs,
    ValueChange,
    find_changes,
    is_same,
)
from reproaudit.lock.renames import Rename, find_renames, forget_modules
from reproaudit.lock.text import flatten_settings
from reproaudit.lock.where import Where, WhereKind, find_first_difference


class State(str, Enum):
    EQUAL = "equal"
    DIFFERS = "differs"
    NOT_COMPARABLE = "not-comparable"


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

    `renames` are tensors that have another name than in the lock, and no other content.
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
    renames: tuple[Rename, ...] = ()

    @property
    def differing(self) -> int:
        """How many of the tensors that the lock holds differ; the others in `tensors` are new."""
        return sum(change.locked is not None for change in self.tensors)

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
    renames, now = find_renames(locked, now)
    if renames:
        where = find_first_difference(forget_modules(locked), forget_modules(now))
    else:
        where = find_first_difference(locked, now)
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
            renames=renames,
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
        renames=renames,
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
    if locked is None and change.either.kind in LEFT_KINDS:
        return False  # what is left besides changes nothing of what the lock holds
    if locked is None or now is None:
        return change.either.is_deciding
    if is_same(locked.digest, now.digest):
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
