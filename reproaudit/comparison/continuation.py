"""Where a run that goes on from a checkpoint begins in the uninterrupted one, and from which event
on the two are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import are_among, mix
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.state_timeline import Timeline
from reproaudit.model.events import EventKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run, pair_traces

_Keys = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]

_COMPUTED = (EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)
_STEPWISE = (EventKind.BATCH, *_COMPUTED)


class Sign(Enum):
    """By what the step is known at which a resumed run begins."""

    CONTENTS = "contents"  # it computes what the other one computes in that step
    LOADED = "loaded"  # it loads what the stopped run saved there
    SAVED = "saved"  # the stopped run saved there last


@dataclass(frozen=True, slots=True)
class Beginning:
    """The step of the uninterrupted run with which a resumed one begins, and how that is known."""

    step: int
    sign: Sign


def list_saving_steps(run: Run) -> tuple[int, ...]:
    """Return after how many optimizer steps a run has saved tensors, in rising order."""
    found: set[int] = set()
    for _, trace in run.traces:
        columns = trace.columns
        found.update(np.unique(columns.step[columns.are(EventKind.SAVED)]).tolist())
    return tuple(sorted(found))


def find_beginning(
    straight: Run, stopped: Run, resumed: Run, interned: Interned
) -> Beginning | None:
    """Return where the resumed run begins; None if nothing tells.

    The contents of its first step decide: half of them are those of one step. Otherwise it is taken
    to begin where the file was saved that it loaded, or else where the stopped run saved last.
    """
    saved = list_saving_steps(stopped)
    loaded = _find_loaded_step(stopped, resumed)
    expected: Beginning | None = None
    if loaded is not None:
        expected = Beginning(loaded, Sign.LOADED)
    elif saved:
        expected = Beginning(saved[-1], Sign.SAVED)
    likely = None if expected is None else expected.step
    step = _find_equal_step(straight.main, resumed.main, interned, likely=likely)
    return expected if step is None else Beginning(step, Sign.CONTENTS)


def find_late_load(stopped: Run, resumed: Run) -> int | None:
    """Return after how many of its own steps a resumed run first loaded what the stopped one saved;
    None if it did before its first step, or never."""
    saved = {save.name for save in Timeline(stopped.main).saves}
    steps = [load.step for load in Timeline(resumed.main).loads if load.name in saved]
    return steps[0] if steps and steps[0] > 0 else None


def _find_loaded_step(stopped: Run, resumed: Run) -> int | None:
    """Return the step at which the file was saved that a run loaded last before its first step."""
    steps = {save.name: save.step for save in Timeline(stopped.main).saves}
    found = None
    for load in Timeline(resumed.main).loads:
        if load.step == 0 and load.name in steps:
            found = steps[load.name]
    return found


def compare_from(straight: Run, resumed: Run, step: int, interned: Interned) -> None:
    """Have two runs compared from a step of the first on, which is step 0 of the second.

    What only one of them does between two steps, such as to load its state, is left out.
    """
    for _, first, second in pair_traces(straight, resumed):
        event_a, event_b = _find_first_events(first, second, step, interned)
        interned.begin(first, event_a)
        interned.begin(second, event_b, step=step)


def _find_equal_step(
    straight: Trace, resumed: Trace, interned: Interned, *, likely: int | None
) -> int | None:
    """Return the step that computes most of what the first step of the other run does.

    It is the `likely` one if that does as well as any: nothing may change from step to step.
    """
    first = _select(resumed, _COMPUTED)
    wanted = _make_keys(resumed, first[resumed.columns.step[first] == 0], interned, contents=True)
    events = _select(straight, _COMPUTED)
    keys = _make_keys(straight, events, interned, contents=True)
    found = straight.columns.step[events[are_among(keys, wanted)]]
    if not len(found):
        return None
    counts = np.bincount(found)
    best = int(counts.argmax())
    if likely is not None and likely < len(counts) and counts[likely] == counts[best]:
        best = likely
    return best if 2 * int(counts[best]) >= len(wanted) else None


def _find_first_events(a: Trace, b: Trace, step: int, interned: Interned) -> tuple[int, int]:
    """Return the first events of a step in both traces that belong together.

    They are counted from the end of the step: before it, one run may have evaluated or saved, and
    the other one has loaded its state.
    """
    events_a = _select(a, _STEPWISE)
    events_a = events_a[a.columns.step[events_a] == step]
    events_b = _select(b, _STEPWISE)
    events_b = events_b[b.columns.step[events_b] == 0]
    keys_a = _make_keys(a, events_a, interned)
    keys_b = _make_keys(b, events_b, interned)
    same = _count_common_end(keys_a, keys_b)
    if not same:
        return _find_step(a, step), 0
    first_a, first_b = int(events_a[-same]), int(events_b[-same])
    # Operators that led to it, as far as both runs have them.
    ops_a = _select_ops(a, first_a, step)
    ops_b = _select_ops(b, first_b, 0)
    same = _count_common_end(_make_places(a, ops_a, interned), _make_places(b, ops_b, interned))
    if same:
        return min(first_a, int(ops_a[-same])), min(first_b, int(ops_b[-same]))
    return first_a, first_b


def _select(trace: Trace, kinds: Sequence[EventKind]) -> _Numbers:
    columns = trace.columns
    return np.flatnonzero(columns.are(*kinds) & ~columns.are_in_threads())


def _select_ops(trace: Trace, before: int, step: int) -> _Numbers:
    """Return the operators of a step before an event, those of the main thread."""
    columns = trace.columns.take(slice(0, before))
    is_wanted = columns.are(EventKind.OP) & ~columns.are_in_threads() & (columns.step == step)
    return np.flatnonzero(is_wanted)


def _find_step(trace: Trace, step: int) -> int:
    """Return the first event of a step; the one after the last if there is none."""
    found = np.flatnonzero(trace.columns.step == step)
    return int(found[0]) if len(found) else trace.event_count


def _make_keys(
    trace: Trace, events: _Numbers, interned: Interned, *, contents: bool = False
) -> _Keys:
    """Return a key per tensor, of what it is; with `contents` also of its bytes."""
    strings, _ = interned.ids(trace)
    rows = trace.columns.take(events)
    names = strings[rows.name]
    return mix(rows.kind, names, *rows.output_digests.T) if contents else mix(rows.kind, names)


def _make_places(trace: Trace, events: _Numbers, interned: Interned) -> _Keys:
    strings, locations = interned.ids(trace)
    rows = trace.columns.take(events)
    return mix(rows.phase, strings[rows.name], locations[rows.location])


def _count_common_end(a: _Keys, b: _Keys) -> int:
    """Return how many keys at the end are the same in both."""
    size = min(len(a), len(b))
    if not size:
        return 0
    differ = np.flatnonzero(a[len(a) - size :] != b[len(b) - size :])
    return size - 1 - int(differ[-1]) if len(differ) else size
