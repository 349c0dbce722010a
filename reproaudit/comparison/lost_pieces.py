"""State of a resumed run that is other than the uninterrupted run's: optimizers, schedulers,
scalers, averages, parameters, buffers, gradients and the program's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reproaudit.comparison.state_timeline import PieceKey, Timeline
from reproaudit.model.events import Location
from reproaudit.model.question import LostState, Restoration, StateKind
from reproaudit.trace.views import PieceEvent
from reproaudit.trace.words import StateMoment

_DRIVEN = ("lr", "momentum", "betas")  # what schedulers set in an optimizer
MORE = " and "  # before the number of those that are not
_REPORTED = ("loss", "acc", "metric", "time", "total", "sum")
_MOST_NAMES = 3  # that are listed of several pieces
_GROUPS = {
    StateKind.PARAMETERS: "parameters",
    StateKind.BUFFERS: "buffers",
}
# Without such an object, a resumed run has none of the state.
_MAY_BE_MISSING = (StateKind.SCHEDULER, StateKind.SCALER)


@dataclass(frozen=True, slots=True)
class Runs:
    """An uninterrupted run and a resumed one, whose first step is the former's `step`."""

    a: Timeline
    c: Timeline
    step: int

    @property
    def loaded_at(self) -> Location | None:
        """The line at which the resumed run loaded what it goes on from."""
        for load in self.c.loads:
            if load.known_location is not None:
                return load.known_location
        return None


@dataclass(frozen=True, slots=True)
class Difference:
    """A piece that the two runs have otherwise: as it should be, and as it is, if it is there."""

    key: PieceKey
    expected: PieceEvent
    found: PieceEvent | None


def find_differences(runs: Runs, kind: StateKind) -> Iterator[Difference]:
    """Yield the pieces of a kind that the resumed run begins to use otherwise.

    Of a run that did not come to use any, nothing is known.
    """
    if runs.c.use_of(kind, 0) is None:
        return
    for key in runs.a.keys(kind):
        expected = runs.a.value(key, runs.step)
        if expected is None:
            continue
        found = runs.c.value(key, 0)
        if found is None and kind not in _MAY_BE_MISSING:
            continue
        if found is None or found.value != expected.value:
            yield Difference(key, expected, found)


def find_lost_pieces(
    runs: Runs, is_lost: Callable[[Difference], bool] = lambda _: True
) -> list[LostState]:
    """Return what is lost but for random streams, data and the program's own numbers.

    `is_lost` tells which pieces that are other are taken for lost.
    """

    def find(kind: StateKind) -> list[Difference]:
        return [one for one in find_differences(runs, kind) if is_lost(one)]

    lost = [_describe(runs, one) for one in find(StateKind.SCHEDULER)]
    has_scheduler = not lost
    lost += _find_in_optimizers(runs, find(StateKind.OPTIMIZER), has_scheduler=has_scheduler)
    for kind in (StateKind.SCALER, StateKind.AVERAGE):
        lost += [_describe(runs, one) for one in find(kind)]
    for kind, noun in _GROUPS.items():
        lost += _describe_group(runs, find(kind), kind, noun)
    for one in find(StateKind.ACCUMULATION):
        lost.append(_describe(runs, one))
    return lost


def _find_in_optimizers(
    runs: Runs, differences: Sequence[Difference], *, has_scheduler: bool
) -> Iterator[LostState]:
    """Yield what optimizers lost. Rates that a lost scheduler sets follow from its loss."""
    seen: set[str] = set()
    for one in differences:
        _, name = one.key
        optimizer, _, setting = name.partition(": ")
        if setting in _DRIVEN and not has_scheduler:
            continue
        base = optimizer.partition(" group ")[0]
        # Settings are lost with the state.
        if base in seen:
            continue
        if not setting:
            seen.add(base)
        yield _describe(runs, one)


def _describe(runs: Runs, one: Difference) -> LostState:
    kind, name = one.key
    restoration, why, location = _judge(runs, one)
    return LostState(
        kind=kind,
        name=name,
        restoration=restoration,
        expected=one.expected.shown,
        found=one.found.shown if one.found is not None else "none",
        location=location,
        evidence=why,
    )


def _describe_group(
    runs: Runs, found: list[Difference], kind: StateKind, noun: str
) -> Iterator[LostState]:
    if not found:
        return
    total = len(runs.a.keys(kind))
    called = [_call(one) for one in found]
    names = ", ".join(called[:_MOST_NAMES])
    more = f"{MORE}{len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    restoration, why, location = _judge(runs, found[0])
    yield LostState(
        kind=kind,
        name=f"{names}{more}",
        restoration=restoration,
        expected=f"those of step {runs.step}",
        found=f"{len(found)} of {total} {noun} are other",
        location=location,
        evidence=why,
    )


def _call(one: Difference) -> str:
    """Return what a parameter or buffer is called: by its module, if that is known."""
    kind, name = one.key
    return one.expected.shown or name if kind is StateKind.PARAMETERS else name


def _judge(runs: Runs, one: Difference) -> tuple[Restoration, tuple[str, ...], Location | None]:
    """Return what became of a piece, sentences that show it, and the line to look at."""
    key = one.key
    a_step = f"step {runs.step} of the uninterrupted run"
    if one.found is None:
        why = ("the uninterrupted run has it, the resumed run does not",)
        return Restoration.NOT_RESTORED, why, runs.loaded_at
    history = list(runs.c.between(key, 0, runs.c.use_of(key[0], 0) or 0))
    at = next((i for i, e in enumerate(history) if e.value == one.expected.value), None)
    if at is not None:
        after = history[at + 1]
        why = (
            f"the resumed run had what {a_step} begins with, and changed it before its first step",
        )
        return Restoration.SHIFTED, why, after.known_location
    restored = [event for event in history if event.moment is StateMoment.RESTORED]
    same = runs.a.find_steps(key, one.found.value)
    if same:
        place = f"the uninterrupted run had that at step {same[0]}"
    else:
        place = "the uninterrupted run has that at no step"
    is_named = key[0] is StateKind.PARAMETERS
    shown = f" ({one.found.shown})" if one.found.shown and not is_named else ""
    if restored:
        why = (f"it was restored, but not to what {a_step} begins with: {place}{shown}",)
        return Restoration.WRONG, why, restored[-1].known_location or runs.loaded_at
    first = runs.a.first(key)
    if first is not None and first.value == one.found.value:
        place = "it is as in a run that begins anew"
    why = (f"nothing in the resumed run restores it; {place}{shown}",)
    return Restoration.NOT_RESTORED, why, runs.loaded_at


def find_lost_numbers(runs: Runs) -> list[LostState]:
    """Return numbers of the program that change from step to step, and that are other.

    Of those that are alike in both runs, one is returned.
    """
    lost: dict[tuple[str, str], LostState] = {}
    for one in find_differences(runs, StateKind.PYTHON_VALUE):
        if one.found is None or not _changes(runs, one.key) or _is_reported(one):
            continue
        values = (one.expected.shown, one.found.shown)
        if values not in lost:
            lost[values] = _describe(runs, one)
    return list(lost.values())


def _is_reported(one: Difference) -> bool:
    """Return True for what programs sum up to print it: it is lost, and nothing comes of it."""
    name = one.key[1].rpartition(".")[2].lower()
    is_whole = one.expected.shown.lstrip("-").isdecimal()
    return not is_whole and any(word in name for word in _REPORTED)


def _changes(runs: Runs, key: PieceKey) -> bool:
    """Return True if the piece was other at an earlier or at a later step."""
    steps = range(max(0, runs.step - 3), runs.step + 4)
    values = [runs.a.value(key, step) for step in steps]
    return len({value.value for value in values if value is not None}) > 1
