"""How far two tensors are apart. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two tensors of one dtype and shape are apart, element by element.

    `max_ulp` counts representable numbers of the dtype between two values and is None for dtypes
    without ULPs (integer, bool) and where only NaN-against-number pairs differ. `max_abs` and
    `max_rel` are over pairs of finite numbers, `max_rel` relative to the larger magnitude.
    `ulp_histogram` counts differing pairs of numbers by distance: keys are the inclusive upper ends
    of the bins "1", "2", "4", "8", … as text, in rising order.
    """

    elements: int
    differing: int
    max_ulp: int | None = None
    max_abs: float | None = None
    max_rel: float | None = None
    first_index: tuple[int, ...] | None = None
    nan_against_number: int = 0
    nan_payload: int = 0
    zero_sign: int = 0
    ulp_histogram: tuple[tuple[str, int], ...] = ()
    within_tolerance: bool = False
