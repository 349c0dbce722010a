"""Whether a difference between two runs grows over the steps."""

from __future__ import annotations

import numpy as np

from reproaudit.model.growth import DIFFERS, MEASURED, NO_ULP, Growth
from reproaudit.model.packed import unpack
from reproaudit.model.question import Trend

_OCTAVE = 3  # codes that a distance twice as large is more


def find_trend(growth: Growth | None) -> Trend:
    """Return how the distance of the tensors of two runs goes on over the steps.

    What counts is the median of the measured tensors of each step, the first half of the steps that
    differ against the second: twice as much is growing, half as much shrinking. A step of which
    nothing is measured says nothing.
    """
    if growth is None or not growth.steps:
        return Trend.NONE
    codes = np.frombuffer(unpack(growth.cells), dtype=np.uint8)
    codes = codes.reshape(len(growth.tensors), growth.steps)
    differing = np.flatnonzero((codes >= DIFFERS).any(axis=0))
    if len(differing) < 2:
        return Trend.NONE
    medians = []
    for step in differing.tolist():
        column = codes[:, step]
        measured = column[(column >= MEASURED) & (column < NO_ULP)]
        if len(measured):
            medians.append(float(np.median(measured)))
    if len(medians) < 2:
        return Trend.UNKNOWN
    middle = len(medians) // 2
    change = np.mean(medians[middle:]) - np.mean(medians[:middle])
    if change >= _OCTAVE:
        return Trend.GROWING
    return Trend.SHRINKING if change <= -_OCTAVE else Trend.STEADY
