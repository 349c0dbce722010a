"""Which of the saved and final tensors of a trace are what the program leaves.

When something was saved, and in which order objects die, is chance: they have no step.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reproaudit.model.events import EventKind, Outcome, OutcomeKind
from reproaudit.trace.reader import Trace

LEFT_NUMBERS = [int(EventKind.SAVED), int(EventKind.FINAL)]

_Numbers = npt.NDArray[np.int64]


def select_left(trace: Trace, chosen: _Numbers, outcome: Outcome) -> _Numbers:
    """Return the numbers of the events `chosen` without what the program does not leave."""
    kinds = trace.columns.kind[chosen]
    if not np.isin(kinds, LEFT_NUMBERS).any():
        return chosen
    if outcome.kind is OutcomeKind.STOPPED:
        # What died before the audit stopped the program is chance. The parameters after its last
        # step are compared.
        chosen = chosen[kinds != EventKind.FINAL]
    return _leave_out_overwritten(trace, chosen)


def _leave_out_overwritten(trace: Trace, chosen: _Numbers) -> _Numbers:
    """Return `chosen` without the saved tensors whose file was saved again later."""
    saved = np.flatnonzero(trace.columns.kind[chosen] == EventKind.SAVED)
    saves = trace.columns.saves[chosen[saved]]
    files, which = np.unique(saves[:, 0], return_inverse=True)
    last = np.zeros(len(files), dtype=np.uint64)
    np.maximum.at(last, which, saves[:, 1])
    is_left = np.ones(len(chosen), dtype=np.bool_)
    is_left[saved] = saves[:, 1] == last[which]
    return chosen[is_left]
