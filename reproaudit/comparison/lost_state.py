"""Which state a resumed run lacks: what it has in its place, and what became of what was saved."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.comparison.lost_data import (
    Steps,
    differ_in_batch,
    find_lost_gradients,
    find_lost_order,
    find_lost_position,
)
from reproaudit.comparison.lost_pieces import (
    MORE,
    Difference,
    Runs,
    find_differences,
    find_lost_numbers,
    find_lost_pieces,
)
from reproaudit.comparison.lost_streams import find_lost_streams
from reproaudit.comparison.state_timeline import Timeline
from reproaudit.comparison.step_inputs import find_first_difference, read_steps
from reproaudit.model.events import EventKind
from reproaudit.model.question import CheckpointFile, LostState, Restoration, StateKind
from reproaudit.trace.runs import Run
from reproaudit.trace.words import EPOCH_ORDER, StateMoment

_ORDERS = (StateMoment.FETCH, StateMoment.PROGRAM, StateMoment.WORKERS)
# What a loss shows in first; of a kind that is not here, later.
_SHOWS_IN = {
    StateKind.DATA_POSITION: EventKind.BATCH,
    StateKind.SAMPLER_EPOCH: EventKind.BATCH,
    StateKind.PARAMETERS: EventKind.OUTPUT,
    StateKind.BUFFERS: EventKind.OUTPUT,
    StateKind.ACCUMULATION: EventKind.GRADIENT,
    StateKind.SCALER: EventKind.GRADIENT,
    StateKind.OPTIMIZER: EventKind.PARAMETER,
    StateKind.SCHEDULER: EventKind.PARAMETER,
}
_ORDER = (EventKind.BATCH, EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)
# Of which a file tells by what it holds.
_TOLD_BY_CONTENT = (
    StateKind.RANDOM_STREAM,
    StateKind.PARAMETERS,
    StateKind.BUFFERS,
    StateKind.OPTIMIZER,
    StateKind.SCHEDULER,
    StateKind.SCALER,
    StateKind.AVERAGE,
    StateKind.SAMPLER_EPOCH,
    StateKind.PYTHON_VALUE,
)
# What a program may keep for long without computing a tensor with it.
_MAY_BE_UNUSED = (
    StateKind.AVERAGE,
    StateKind.SCHEDULER,
    StateKind.SCALER,
    StateKind.OPTIMIZER,
    StateKind.BUFFERS,
)
_UNUSED = (
    "it is another one up to the last step that was compared, and no tensor that was compared "
    "depends on it until there"
)


def find_lost_state(a: Run, b: Run, c: Run, step: int) -> tuple[LostState, ...]:
    """Return the state that run `c`, which goes on where `b` stopped, lacks at its first step.

    `a` is the uninterrupted run, and `step` the one of it that is the first of `c`. All were made
    with `RunPlan.state`; operators of `c` show the line of a draw. What follows from another loss
    is left out, and so are random streams that nothing is drawn from.
    """
    runs = Runs(Timeline(a.main), Timeline(c.main), step)
    if not runs.a.is_recorded or not runs.c.is_recorded:
        return ()
    steps_a = read_steps(a.main, runs.a)
    steps_c = read_steps(c.main, runs.c)
    lost = find_lost_pieces(runs)
    first = find_first_difference(steps_a, steps_c, step)
    if first is not None:
        lost += _find_in_data_and_streams(runs, steps_a, steps_c, c)
        if not _is_explained(lost, first):
            lost += find_lost_numbers(runs)
    stopped = Timeline(b.main)
    return tuple(replace(one, in_checkpoint=_is_held(one, stopped)) for one in lost)


def find_unused_state(
    uninterrupted: tuple[Run, Run], b: Run, c: Run, step: int
) -> tuple[LostState, ...]:
    """Return the state that run `c` lacks although no tensor differs, for none depends on it yet.

    The arguments are as those of `find_lost_state`. A piece is lost if both uninterrupted runs have
    the same, and it is still another in the last step that `c` has made.
    """
    a, again = (Timeline(run.main) for run in uninterrupted)
    runs = Runs(a, Timeline(c.main), step)
    if not all(one.is_recorded for one in (a, again, runs.c)):
        return ()
    last = min(step + c.steps, uninterrupted[0].steps) - 1

    def is_lost(one: Difference) -> bool:
        if one.key[0] not in _MAY_BE_UNUSED:
            return False
        for number in (step, last):
            mine, other = a.value(one.key, number), again.value(one.key, number)
            found = runs.c.value(one.key, number - step)
            if mine is None or other is None or mine.value != other.value:
                return False
            if found is not None and found.value == mine.value:
                return False
        return True

    stopped = Timeline(b.main)
    return tuple(
        replace(one, in_checkpoint=_is_held(one, stopped), evidence=(*one.evidence, _UNUSED))
        for one in find_lost_pieces(runs, is_lost)
    )


def list_checkpoints(run: Run) -> tuple[CheckpointFile, ...]:
    """Return the files that a run wrote its state to, in the order in which it did."""
    timeline = Timeline(run.main)
    found = []
    for save in timeline.saves:
        kinds = {held.key[0] for held in timeline.held if held.file == save.file}
        found.append(
            CheckpointFile(
                path=save.name,
                writer=save.writer,
                step=save.step,
                location=save.known_location,
                holds=tuple(kind for kind in StateKind if kind in kinds),
            )
        )
    return tuple(found)


def _find_in_data_and_streams(
    runs: Runs, steps_a: Steps, steps_c: Steps, resumed: Run
) -> list[LostState]:
    streams = find_lost_streams(runs, resumed.main)
    lost: list[LostState] = []
    gradients = find_lost_gradients(runs, steps_a, steps_c)
    epochs = _find_lost_epochs(runs, steps_a, steps_c)
    if gradients is not None:
        lost.append(gradients)
    elif epochs:
        lost += epochs
        # The generators of samplers are seeded by the epoch.
        streams = [one for one in streams if "generator of " not in one.lost.name]
    has_order = not epochs and not any(one.uses & set(_ORDERS) for one in streams)
    if gradients is None:
        position = find_lost_position(runs, steps_a, steps_c, has_order=has_order)
        if position is None and not epochs and differ_in_batch(runs, steps_a, steps_c):
            position = find_lost_order(runs)
        if position is not None:
            lost.append(position)
    return lost + [one.lost for one in streams]


def _find_lost_epochs(runs: Runs, steps_a: Steps, steps_c: Steps) -> list[LostState]:
    """Return the epochs of samplers that are other, where other batches come of it."""
    if not differ_in_batch(runs, steps_a, steps_c):
        return []
    return [
        LostState(
            kind=StateKind.SAMPLER_EPOCH,
            name=one.key[1],
            restoration=Restoration.NOT_RESTORED,
            expected=_name_epoch(one.expected.shown),
            found=_name_epoch(one.found.shown),
            location=one.found.known_location or runs.loaded_at,
            evidence=(
                f"the samples of the first step are in the order of {_name_epoch(one.found.shown)},"
                " those of the uninterrupted run in the order of "
                f"{_name_epoch(one.expected.shown)}",
            ),
        )
        for one in find_differences(runs, StateKind.SAMPLER_EPOCH)
        if one.found is not None and one.key[1] != EPOCH_ORDER
    ]


def _name_epoch(shown: str) -> str:
    """Return `epoch 1`; of a sampler of the program all its numbers are shown, each named."""
    return f"epoch {shown}" if shown.isdecimal() else shown


def _is_explained(lost: list[LostState], first: EventKind) -> bool:
    """Return True if a loss can show in the kind of tensor that differs first."""
    for one in lost:
        if one.kind is StateKind.RANDOM_STREAM:
            return True
        shown = _SHOWS_IN.get(one.kind)
        if shown is not None and _ORDER.index(shown) <= _ORDER.index(first):
            return True
    return False


def _is_held(lost: LostState, stopped: Timeline) -> bool | None:
    """Return whether the last checkpoint holds the state; None if that is not known."""
    if not stopped.saves or lost.kind not in _TOLD_BY_CONTENT:
        return None
    last = max(save.step for save in stopped.saves)
    files = {save.file for save in stopped.saves if save.step == last}
    names = {
        name
        for held in stopped.held
        if held.key[0] is lost.kind and held.file in files
        for name in held.names
    }
    listed, _, _ = lost.name.partition(MORE)
    return lost.name in names or all(name in names for name in listed.split(", "))
