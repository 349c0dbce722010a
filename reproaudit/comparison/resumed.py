"""Whether one run goes on where another one was at a later step, as from a checkpoint."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import are_among, mix
from reproaudit.comparison.interning import Interned
from reproaudit.model.events import EventKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run

_Keys = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]

# By what a step is known again, the strongest sign first. A batch alone may come again.
_SIGNS = (
    (EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER),
    (EventKind.BATCH,),
)
_MOST_KEPT = 8  # of one run three: by each sign, and by all


@dataclass(frozen=True, slots=True)
class _Steps:
    """The tensors of some kinds of one run's main thread: what each is, and when it came."""

    keys: _Keys
    steps: _Numbers
    events: _Numbers

    def take(self, step: int) -> _Steps:
        """Return one step."""
        chosen = self.steps == step
        return _Steps(self.keys[chosen], self.steps[chosen], self.events[chosen])

    def find_common(self, other: _Steps) -> int:
        """Return the first event whose tensor the other has, too."""
        return int(self.events[are_among(self.keys, other.keys)][0])


class Beginnings:
    """Finds runs that begin inside another; what was read last is kept for the next pair."""

    def __init__(self, interned: Interned) -> None:
        self._interned = interned
        self._select = lru_cache(maxsize=_MOST_KEPT)(partial(_select, interned))

    def align(self, straight: Run, resumed: Run) -> int | None:
        """Find the step of one run at which the other begins, and have both compared from there on.

        The step is known by the contents of its tensors. None if runs begin alike, or nowhere the
        same.
        """
        for kinds in _SIGNS:
            first = self._select(straight.main, kinds)
            second = self._select(resumed.main, kinds)
            step = _find_step(first, second)
            if step is None:
                continue
            # From the first thing on that both steps have, be it only a batch.
            everything = tuple(itertools.chain(*_SIGNS))
            first = self._select(straight.main, everything).take(step)
            second = self._select(resumed.main, everything).take(0)
            self._interned.begin(straight.main, first.find_common(second))
            self._interned.begin(resumed.main, second.find_common(first), step=step)
            return step
        return None


def _select(interned: Interned, trace: Trace, kinds: tuple[EventKind, ...]) -> _Steps:
    columns = trace.columns
    events = np.flatnonzero(columns.are(*kinds) & ~columns.are_in_threads())
    rows = columns.take(events)
    strings, _ = interned.ids(trace)
    keys = mix(rows.kind, strings[rows.name], *rows.output_digests.T)
    return _Steps(keys, rows.step.astype(np.int64), events)


def _find_step(straight: _Steps, resumed: _Steps) -> int | None:
    """Return the step that has most of what the first step of the other run has."""
    wanted = resumed.keys[resumed.steps == 0]
    found = straight.steps[are_among(straight.keys, wanted)]
    if not len(found) or (found == 0).any():
        return None
    counts = np.bincount(found)
    best = int(counts.argmax())
    return best if 2 * int(counts[best]) >= len(wanted) else None
