"""Owns where and when a difference grows: each tensor in each step, of two runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reproaudit.model.events import EventKind
from reproaudit.model.packed import Packed

# What a cell of `Growth.cells` says of a tensor in a step. Codes from MEASURED on are distances.
ABSENT = 0  # neither run has it there
EQUAL = 1
DIFFERS = 2  # its values were not kept, or not compared
UNLIKE = 3  # one run lacks it, or it has another shape or dtype there
MEASURED = 4  # up to 1 ULP; each code more is a third of a power of two
NO_ULP = 254  # compared, and its dtype has no ULPs
NAN = 255  # compared, and only pairs differ in which a NaN is
_CODES_PER_OCTAVE = 3


def code_of_ulp(max_ulp: int) -> int:
    """Return the code of a distance in ULP from 1 on: MEASURED + 3 log2(max_ulp), rounded."""
    code = MEASURED + round(_CODES_PER_OCTAVE * math.log2(max_ulp))
    return min(code, NO_ULP - 1)


def ulp_of_code(code: int) -> float:
    """Return about the distance in ULP that a code from MEASURED to NO_ULP - 1 stands for."""
    return float(2.0 ** ((code - MEASURED) / _CODES_PER_OCTAVE))


@dataclass(frozen=True, slots=True)
class GrowthTensor:
    """A row. `tensor` is dtype and shape, such as "float32[8, 3]", as the step that first has it
    says; `process` the label of the process ("" the main one)."""

    kind: EventKind
    name: str
    tensor: str
    process: str = ""


@dataclass(frozen=True, slots=True)
class Distances:
    """The distances of one tensor in one step: counts of elements by the inclusive upper end of
    their bin of ULPs, as in `Difference.ulp_histogram`. `row` numbers the tensors."""

    row: int
    step: int
    ulp_histogram: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Growth:
    """How the tensors of two runs part over the steps.

    Rows are the tensors in the order in which the program first makes them, columns `steps` steps
    from `first_step` on. What the program saves or leaves at its end belongs to no step, and other
    threads have no common one: they are left out. `cells` (|u1, row by row) has a code for each; of
    a tensor that a step holds several times it is the largest. The exact figures of the cells that
    were compared element by element are in four columns of one length: `at` (<u4, row * steps +
    column, rising), `differing` (<u4, elements), `max_ulp` (<f8; 0: none) and `max_abs` (<f4; NaN:
    none). `histograms` has the first and the last compared cell of each row that has one, of many
    rows those that come first.
    """

    runs: tuple[int, int]
    tensors: tuple[GrowthTensor, ...]
    first_step: int
    steps: int
    cells: Packed
    at: Packed
    differing: Packed
    max_ulp: Packed
    max_abs: Packed
    histograms: tuple[Distances, ...] = ()
    # so many cells that differ were not compared, though their values were kept: too many
    not_compared: int = 0
    # of a long program: steps before and after these, and tensors that it makes later
    left_out_steps: int = 0
    left_out_tensors: int = 0
