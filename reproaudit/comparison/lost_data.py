"""Whether a resumed run goes on with the batch that comes next."""

from __future__ import annotations

from collections.abc import Mapping

from reproaudit.comparison.lost_pieces import Runs
from reproaudit.comparison.state_timeline import Timeline
from reproaudit.comparison.step_inputs import Group, StepTensors
from reproaudit.model.events import Location
from reproaudit.model.question import LostState, Restoration, StateKind
from reproaudit.trace.words import EPOCH_ORDER, SAMPLES

Steps = Mapping[int, StepTensors]
_POSITION = (StateKind.DATA_POSITION, "batches")
_SAMPLES = (StateKind.DATA_POSITION, SAMPLES)


def find_lost_gradients(runs: Runs, a: Steps, c: Steps) -> LostState | None:
    """Return that the resumed run begins in the middle of a step, without its first gradients."""
    whole = a.get(runs.step)
    begun = c.get(0)
    if whole is None or begun is None or not begun.inputs:
        return None
    skipped = len(whole.inputs) - len(begun.inputs)
    if begun.inputs[0] in whole.inputs[1:] and begun.inputs[0] != whole.inputs[0]:
        skipped = whole.inputs.index(begun.inputs[0])
    elif skipped <= 0 or begun.inputs != whole.inputs[skipped:]:
        return None
    return LostState(
        kind=StateKind.ACCUMULATION,
        name="gradients",
        restoration=Restoration.NOT_RESTORED,
        expected=f"those of {skipped} parts of a batch",
        found="none",
        location=runs.loaded_at,
        evidence=(
            f"step {runs.step} of the uninterrupted run sums the gradients of "
            f"{len(whole.inputs)} forward passes",
            f"the first step of the resumed run begins with number {skipped + 1} of them",
        ),
    )


def find_lost_position(runs: Runs, a: Steps, c: Steps, *, has_order: bool) -> LostState | None:
    """Return which batches came instead of which; None if that is not to be seen.

    `has_order`: the order of the samples is not known to be lost by itself.
    """
    wanted = _given(a, runs.step)
    found = _given(c, 0)
    if not wanted or not found or not differ_in_batch(runs, a, c):
        return None
    steps = [step for step in sorted(a) if _last(a, step) == found[-1] and step != runs.step]
    if not steps:
        return None
    other = min(steps, key=lambda step: abs(step - runs.step))
    if not has_order and not _is_at_same_place(runs, other):
        return None
    length = _count_alike(runs, a, c, other)
    expected = _name_batches(runs.a, runs.step, length)
    instead = _name_batches(runs.a, other, length)
    return LostState(
        kind=StateKind.DATA_POSITION,
        name="batches",
        restoration=Restoration.NOT_RESTORED,
        expected=expected,
        found=instead,
        location=_find_loop(runs),
        evidence=(
            f"the resumed run begins with {instead} instead of {expected}",
            f"it was given at its first step what the uninterrupted run was given at step {other}",
        ),
    )


def differ_in_batch(runs: Runs, a: Steps, c: Steps) -> bool:
    """Return True if the resumed run begins with other data, as a loader gave it.

    A loader may have fetched further than the model was given: equal inputs decide.
    """
    mine, other = a.get(runs.step), c.get(0)
    if mine is None or other is None:
        return False
    if mine.inputs and mine.inputs[:1] == other.inputs[:1]:
        return False
    # The same samples, whatever was then made of them.
    samples, others = runs.a.value(_SAMPLES, runs.step), runs.c.value(_SAMPLES, 0)
    if samples is not None and others is not None and samples.value == others.value:
        return False
    return mine.given[-1:] != other.given[-1:]


def _given(steps: Steps, step: int) -> list[Group]:
    found = steps.get(step)
    return [] if found is None else found.given


def _last(steps: Steps, step: int) -> Group:
    given = _given(steps, step)
    return given[-1] if given else ()


def _is_at_same_place(runs: Runs, other: int) -> bool:
    """Return True if the resumed run is as far in its epoch as the other was at an earlier step."""
    mine = runs.a.value(_POSITION, other)
    first = runs.c.value(_POSITION, 0)
    wanted = runs.a.value(_POSITION, runs.step)
    if mine is None or first is None or wanted is None:
        return False
    return mine.value == first.value and wanted.value != first.value


def _count_alike(runs: Runs, a: Steps, c: Steps, other: int) -> int:
    """Return for how many steps, within an epoch, the resumed run replays the other steps."""
    count = 1
    while (
        _last(c, count) == _last(a, other + count) != ()
        and runs.step + count in a
        and not _begins_epoch(runs.a, runs.step + count)
    ):
        count += 1
    return count


def _begins_epoch(a: Timeline, step: int) -> bool:
    start, end = _number(a, step - 1), _number(a, step)
    return start is not None and end is not None and end <= start


def _number(a: Timeline, step: int) -> int | None:
    """Return how many batches the iterator had handed out when the step used one."""
    value = a.value(_POSITION, step)
    if value is None or not value.shown.isdecimal():
        return None
    return int(value.shown)


def _name_batches(a: Timeline, step: int, length: int) -> str:
    """Return batches by their numbers in the epoch, from 0, or by their steps."""
    number = _number(a, step)
    noun, place, first = "batch", " of the epoch", 0
    if number is None:
        noun, place, first = "the batch of step", "", step
    else:
        ahead = _number(a, 0) or 1
        first = max(0, number - ahead)
    if length == 1:
        return f"{noun} {first}{place}"
    plural = "batches" if number is not None else "the batches of steps"
    return f"{plural} {first} to {first + length - 1}{place}"


def _find_loop(runs: Runs) -> Location | None:
    value = runs.c.value(_POSITION, 0)
    if value is not None and value.known_location is not None:
        return value.known_location
    return runs.loaded_at


def find_lost_order(runs: Runs) -> LostState | None:
    """Return that the order of an epoch under way was drawn anew; None if it was not.

    What it is drawn from is right at a checkpoint, and is not what the epoch began with.
    """
    if _number(runs.a, runs.step) is None or _begins_epoch(runs.a, runs.step):
        return None
    key = (StateKind.SAMPLER_EPOCH, EPOCH_ORDER)
    begun = runs.a.value(key, runs.step)
    anew = runs.c.value(key, 0)
    if begun is None or anew is None or begun.value == anew.value:
        return None
    return LostState(
        kind=StateKind.SAMPLER_EPOCH,
        name=EPOCH_ORDER,
        restoration=Restoration.NOT_RESTORED,
        expected="the order that the epoch under way began with",
        found="another order",
        location=anew.known_location,
        evidence=(
            "the resumed run drew the order of the samples anew when it began to take batches",
            f"the uninterrupted run drew it as the epoch began, at step {begun.step}, before the "
            "checkpoint was written",
        ),
    )
