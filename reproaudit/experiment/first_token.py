"""The first token that differs between two runs of a callable that answers with whole numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.judge import Judged
from reproaudit.model.events import EventKind
from reproaudit.trace.runs import Run

_WHOLE = ("int", "uint")


def word_first_token(judged: Judged) -> str:
    """Return `token 7 of row 2 is 315 instead of 88`; "" if no tokens differ, or none were kept.

    It is the first one in the order in which they are answered. Both count from 0, as do tensors.
    """
    for row in judged.divergences:
        if row.kind is not EventKind.OUTPUT or not row.tensor.startswith(_WHOLE):
            continue
        before, after = (_read_tokens(run, row.name) for run in judged.runs)
        if before is None or after is None or len(before) != len(after):
            continue
        length = min(before.shape[1], after.shape[1])
        differing = before[:, :length] != after[:, :length]
        if not differing.any():
            continue  # one goes on where the other ends
        token = int(differing.any(0).argmax())
        place = int(differing[:, token].argmax())
        return (
            f"token {token} of row {place} is {after[place, token]} instead of "
            f"{before[place, token]}"
        )
    return ""


def _read_tokens(run: Run, name: str) -> npt.NDArray[np.int64] | None:
    """Return the tokens that were answered under this name, a row for each; None if they were not
    kept, or are no rows of tokens."""
    for tensor in run.main.tensors():
        if tensor.name != name or tensor.kind is not EventKind.OUTPUT:
            continue
        for value in run.main.values(tensor.number):
            if len(value.shape) == 2 and value.dtype.startswith(_WHOLE):
                numbers: npt.NDArray[np.int64] = (
                    value.data.view(value.dtype).reshape(value.shape).astype(np.int64)
                )
                return numbers
    return None
