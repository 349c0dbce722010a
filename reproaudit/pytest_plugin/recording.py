"""What the recorder does for checks within this process. Only here does the plugin import it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reproaudit.config.plan import RunPlan

if TYPE_CHECKING:
    from reproaudit.record.operation.float_outputs import OpValue
    from reproaudit.record.process.repetition import Repetition

_KEPT_BYTES = 1 << 29  # of results, per device


def repetitions_from_here(
    seed: int | None,
) -> Callable[[RunPlan], AbstractContextManager[Repetition]]:
    """Return what records repetitions that all start from the streams and flags of this moment.

    With a `seed` all streams are seeded before each repetition.
    """
    from reproaudit.record.process.repetition import repetition
    from reproaudit.record.state.process_state import ProcessState

    state = ProcessState.capture()

    def record(plan: RunPlan) -> AbstractContextManager[Repetition]:
        return repetition(plan, state, seed)

    return record


def run_from_seed(seed: int | None, action: Callable[[], None]) -> None:
    """Run `action` as the first thing after seeding. Streams are as before when this returns."""
    from reproaudit.record.state.process_state import ProcessState, seed_streams

    state = ProcessState.capture()
    try:
        if seed is not None:
            seed_streams(seed)
        action()
    finally:
        # Flags that it set are to stay.
        state.restore_streams()


def record_op_values(
    step: Callable[..., Any], devices: Sequence[str], folder: Path, seed: int | None
) -> list[list[OpValue]]:
    """Call `step(device=…)` on each device, and return the results of all its operators.

    Each call starts from equal random streams. Streams and flags are as before when this returns.
    The lines that are noted are those of files below `folder`.
    """
    from reproaudit.record.operation.float_outputs import OpValues
    from reproaudit.record.state.process_state import ProcessState, seed_streams

    state = ProcessState.capture()
    recorded = []
    for device in devices:
        values = OpValues(str(folder), _KEPT_BYTES)
        try:
            if seed is not None:
                seed_streams(seed)
            with values:
                step(device=device)
        finally:
            state.restore()
        recorded.append(values.found)
    return recorded


def note_carried_state(call: Callable[[], Any], folder: Path) -> list[str]:
    """Call twice, and return a note on each read of what the first call had written."""
    from reproaudit.record.state.carry import find_carried

    notes = []
    for found in find_carried(call, str(folder)):
        reader = f"{found.read_by} at {found.read_at}"
        writer = f"{found.written_by} at {found.written_at}"
        notes.append(f"{reader} reads what {writer} wrote one repetition earlier")
    return notes
