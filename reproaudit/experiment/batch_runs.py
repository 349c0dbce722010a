"""The runs of a callable that answers for a batch, each made once."""

from __future__ import annotations

import numpy as np

from reproaudit.config.portions import Portions
from reproaudit.knowledge.variations_batch import BATCH, SPLIT
from reproaudit.model.events import EventKind, Level
from reproaudit.runs.lab import Lab
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run
from reproaudit.trace.values import TensorValue

ALONE = Portions(size=1)  # each row is given by itself
_SLICES_MB = 512
_READABLE = ("float16", "float32", "float64", "complex64", "complex128")


class BatchRuns:
    """Makes runs by the portions in which rows are given.

    `made` are those that decide, each with what it was made under; `runs` are the first of them,
    made with the portions `base`.
    """

    def __init__(self, lab: Lab, base: Portions, runs: tuple[Run, ...]) -> None:
        self._lab = lab
        self._known: dict[tuple[Portions, Level], Run] = {}
        self._asked = 0  # one that fails leaves its folder, too
        self.made: list[tuple[Run, str]] = [(run, name_size(base)) for run in runs]
        if runs:
            self._known[base, Level.BOUNDARY] = runs[0]

    def make(self, portions: Portions, what: str) -> Run:
        """Return the run that decides. Raises SubjectError and BudgetSpent."""
        is_new = (portions, Level.BOUNDARY) not in self._known
        run = self._make(portions, what, Level.BOUNDARY, index=len(self.made))
        if is_new:
            self.made.append((run, what))
        return run

    def record(self, portions: Portions, what: str) -> Run:
        """Return the run that recorded operators, and the slices of what they were given."""
        what = f"recording operators, {what}"
        return self._make(portions, what, Level.OPERATION, index=len(self._known))

    def _make(self, portions: Portions, what: str, level: Level, *, index: int) -> Run:
        known = self._known.get((portions, level))
        if known is not None:
            return known
        self._asked += 1
        is_boundary = level is Level.BOUNDARY
        request = RunRequest(
            name=f"batch-{self._asked}",
            index=index,
            what=what,
            level=level,
            portions=portions,
            slices_mb=0 if is_boundary else _SLICES_MB,
            values_mb=None if is_boundary else 0,
        )
        run = self._known[portions, level] = self._lab.run(request)
        return run


def name_size(portions: Portions) -> str:
    """Return the size of the batches, or into how many parts one is split, as a variation is
    written."""
    if portions.parts is not None:
        return f"{SPLIT}={portions.parts}"
    return f"{BATCH}={portions.size or 'all'}"


def count_rows(run: Run) -> int:
    """Return how many rows were answered for, 0 if that is not known."""
    for tensor in run.main.tensors():
        sizes = tensor.tensor.partition("[")[2].rstrip("]").split(",")
        if tensor.kind is EventKind.OUTPUT and sizes[0].strip().isdecimal():
            return int(sizes[0])
    return 0


def find_largest(run: Run, name: str) -> float | None:
    """Return the largest magnitude of an answer; None if it was not kept or cannot be read."""
    for tensor in run.main.tensors():
        if tensor.name == name and tensor.kind is EventKind.OUTPUT:
            for value in run.main.values(tensor.number):
                return _measure(value)
    return None


def _measure(value: TensorValue) -> float | None:
    if value.dtype == "bfloat16":
        # The upper half of a number in single precision.
        numbers = (value.data.view("<u2").astype("<u4") << np.uint32(16)).view("<f4")
    elif value.dtype in _READABLE:
        numbers = value.data.view(value.dtype)
    else:
        return None
    magnitudes = np.abs(numbers)
    return float(magnitudes[np.isfinite(magnitudes)].max(initial=0.0))
